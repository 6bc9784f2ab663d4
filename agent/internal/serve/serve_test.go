package serve

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	var ready error = errors.New("loading")
	metrics := func() []Metric {
		return []Metric{
			{Name: "a_total", Help: "As.", Labels: map[string]string{"why": `a "b" \c`}, Value: 1e9},
			{Name: "b_bytes", Help: "Bs.", Value: 0.5},
			{Name: "a_total", Labels: map[string]string{"why": "other"}, Value: 2},
		}
	}
	s, err := Listen("127.0.0.1:0", func() error { return ready }, func() error { return nil }, metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + s.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if status, body := get("/ready"); status != 503 || body != "loading\n" {
		t.Errorf("not ready: %d %q", status, body)
	}
	ready = nil
	if status, _ := get("/ready"); status != 200 {
		t.Errorf("ready: %d", status)
	}
	if status, _ := get("/healthz"); status != 200 {
		t.Errorf("live: %d", status)
	}
	want := "# HELP a_total As.\n# TYPE a_total counter\na_total{why=\"a \\\"b\\\" \\\\c\"} 1e+09\na_total{why=\"other\"} 2\n" +
		"# HELP b_bytes Bs.\n# TYPE b_bytes gauge\nb_bytes 0.5\n"
	if _, body := get("/metrics"); body != want {
		t.Errorf("got %s", body)
	}
	if status, body := get("/debug/pprof/"); status != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("pprof: %d", status)
	}
}

func TestATakenAddressIsToldWithItsRemedy(t *testing.T) {
	s, err := Listen("127.0.0.1:0", nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Listen(s.Address(), nil, nil, nil); err == nil || !strings.Contains(err.Error(), "http_address") {
		t.Errorf("got %v", err)
	}
}
