package deliver

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfterMax bounds what a server can ask for: a wrong date must not silence a node for a day.
const retryAfterMax = 10 * time.Minute

// backoff gives growing pauses with full jitter above a floor: many agents that lost one server do not return as one.
type backoff struct {
	min, max time.Duration
	attempt  int
	// random gives [0, 1).
	random func() float64
}

// next pause. What the server asked for is the least, and is spread over a quarter more.
func (b *backoff) next(retryAfter time.Duration) time.Duration {
	ceiling := float64(b.min) * math.Pow(2, float64(b.attempt))
	if ceiling < float64(b.max) {
		b.attempt++
	} else {
		ceiling = float64(b.max)
	}
	pause := time.Duration(ceiling/2 + b.random()*ceiling/2)
	if retryAfter > 0 {
		asked := min(retryAfter, retryAfterMax)
		pause = max(pause, asked+time.Duration(b.random()*float64(asked)/4))
	}
	return pause
}

func (b *backoff) reset() { b.attempt = 0 }

// retryAfter reads the header in both of its forms: seconds, or a date by the server's clock. The server's own Date tells how far
// its clock is from ours.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(max(0, min(seconds, int64(retryAfterMax/time.Second)))) * time.Second
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if serverNow, err := http.ParseTime(header.Get("Date")); err == nil {
		now = serverNow
	}
	return max(0, min(date.Sub(now), retryAfterMax))
}
