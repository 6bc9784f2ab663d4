package deliver

import (
	"net/http"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	b := backoff{min: time.Second, max: 8 * time.Second, random: func() float64 { return 0.5 }}
	for i, want := range []time.Duration{750, 1500, 3000, 6000, 6000} {
		if got := b.next(0); got != want*time.Millisecond {
			t.Errorf("pause %d: %v", i, got)
		}
	}
	if got := b.next(time.Minute); got < time.Minute {
		t.Errorf("earlier than the server asked: %v", got)
	}
	b.reset()
	if got := b.next(0); got != 750*time.Millisecond {
		t.Errorf("after reset: %v", got)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(t time.Time) string { return t.Format(http.TimeFormat) }
	cases := []struct {
		header http.Header
		want   time.Duration
	}{
		{http.Header{}, 0},
		{http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		{http.Header{"Retry-After": {"-7"}}, 0},
		{http.Header{"Retry-After": {"99999999"}}, retryAfterMax},
		{http.Header{"Retry-After": {at(now.Add(30 * time.Second))}}, 30 * time.Second},
		{http.Header{"Retry-After": {at(now.Add(time.Hour))}, "Date": {at(now.Add(time.Hour - 5*time.Second))}}, 5 * time.Second},
		{http.Header{"Retry-After": {at(now.Add(-time.Hour))}}, 0},
		{http.Header{"Retry-After": {"soon"}}, 0},
	}
	for _, test := range cases {
		if got := retryAfter(test.header, now); got != test.want {
			t.Errorf("%v: %v, want %v", test.header, got, test.want)
		}
	}
}
