package node

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"brazier.dev/agent/internal/pprofile"
	"brazier.dev/agent/internal/sample"
)

// A node whose neighbours the test decides. Processes are attributed by number: even ones are services, odd ones wait, 666 is ignored.

type harness struct {
	*Node
	offered []Profile
	known   bool
	// oddName is the service of odd processes once they are known.
	oddName string
	// wanted is the rate of every process, 0 for all samples.
	wanted float64
}

func newHarness(options Options) *harness {
	h := &harness{oddName: "odd"}
	options.Limits = pprofile.DefaultLimits
	h.Node = New(options, Neighbours{
		Attribute: func(p Identity, _ bool) Attribution {
			labels := map[string]string{"service_name": "even"}
			switch {
			case p.PID == 666:
				return Attribution{Verdict: Ignore}
			case p.PID%2 == 1 && !h.known:
				return Attribution{Verdict: Hold, Labels: map[string]string{"service_name": "unknown"}}
			case p.PID%2 == 1:
				labels["service_name"] = h.oddName
			}
			return Attribution{Verdict: Send, Labels: labels, Rate: h.wanted}
		},
		Resolve: func(frames []sample.Frame) pprofile.Resolved {
			resolved := make(pprofile.Resolved, len(frames))
			for i := range frames {
				resolved[i] = frames[i : i+1]
			}
			return resolved
		},
		Offer: func(p Profile) { h.offered = append(h.offered, p) },
		Rate:  func() int { return 50 },
		Log:   slog.New(slog.DiscardHandler),
	})
	return h
}

func trace(pid int, function string) *sample.Trace {
	return &sample.Trace{PID: pid, Frames: []sample.Frame{{Kind: sample.Go, Function: function}}, Value: 20e6}
}

func (h *harness) balanced(t *testing.T, inInterval int64) {
	t.Helper()
	c := h.Counts()
	if c.Taken != c.Offered+c.Ignored+c.Thinned+c.Held+inInterval {
		t.Errorf("the books do not balance: %+v and %d in the interval", c, inInterval)
	}
}

func TestProcessesOfOneServiceAreOneProfile(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute, Labels: map[string]string{"node": "n1", "service_name": "never"}})
	for _, pid := range []int{2, 4, 4, 6} {
		h.Take(trace(pid, "f"))
	}
	h.balanced(t, 4)
	h.flush(false)
	if len(h.offered) != 1 || h.offered[0].Samples != 4 || h.offered[0].Kind != "process_cpu" {
		t.Fatalf("offered: %+v", h.offered)
	}
	if got := h.offered[0].Labels; got["service_name"] != "even" || got["node"] != "n1" {
		t.Errorf("labels: %v", got)
	}
	parsed, err := profile.Parse(bytes.NewReader(h.offered[0].Pprof))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, s := range parsed.Sample {
		total += s.Value[0]
	}
	if total != 80e6 || parsed.Period != 20e6 {
		t.Errorf("value %d, period %d", total, parsed.Period)
	}
	h.balanced(t, 0)
}

func TestAHeldProcessIsSentAnIntervalLaterAsItIsKnownThen(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.Take(trace(1, "f"))
	h.flush(false)
	if len(h.offered) != 0 || h.Counts().Held != 1 {
		t.Fatalf("not held: %+v %+v", h.offered, h.Counts())
	}
	h.balanced(t, 0)
	h.known = true
	h.Take(trace(1, "g"))
	h.flush(false)
	if len(h.offered) != 2 || h.offered[0].Labels["service_name"] != "odd" || h.offered[1].Labels["service_name"] != "odd" {
		t.Fatalf("offered: %+v", h.offered)
	}
	h.balanced(t, 0)
}

func TestAHeldProcessOfAKnownSeriesHasATimeOfItsOwn(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.oddName = "even"
	h.Take(trace(2, "f"))
	h.Take(trace(3, "g"))
	h.flush(false)
	h.known = true
	h.flush(false)
	if len(h.offered) != 2 || h.offered[0].Labels["service_name"] != h.offered[1].Labels["service_name"] {
		t.Fatalf("want two profiles of one series: %+v", h.offered)
	}
	if h.offered[0].From.Equal(h.offered[1].From) {
		t.Error("a server would take the second for the first, sent again")
	}
}

func TestAProcessThatNobodyEverKnowsIsSentAllTheSame(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.Take(trace(1, "f"))
	h.flush(false)
	h.flush(false)
	if len(h.offered) != 1 || h.offered[0].Labels["service_name"] != "unknown" || h.Counts().Held != 0 {
		t.Fatalf("offered: %+v %+v", h.offered, h.Counts())
	}
	h.balanced(t, 0)
}

func TestTheEndSendsWhatIsHeld(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.Take(trace(1, "f"))
	h.flush(false)
	h.Take(trace(3, "f"))
	h.Finish()
	if len(h.offered) != 2 || h.Counts().Held != 0 {
		t.Fatalf("offered: %d, %+v", len(h.offered), h.Counts())
	}
	h.balanced(t, 0)
}

func TestIgnoredProcessesAreCounted(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.Take(trace(666, "f"))
	h.Take(trace(2, "f"))
	h.flush(false)
	if len(h.offered) != 1 || h.Counts().Ignored != 1 {
		t.Fatalf("offered: %+v, %+v", h.offered, h.Counts())
	}
	h.balanced(t, 0)
}

func TestAStepOfTheClockMovesNoProfileOutOfTime(t *testing.T) {
	const interval = 10 * time.Second
	for name, step := range map[string]time.Duration{"forward": 2 * time.Hour, "back": -2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			now := pprofile.Moment{Wall: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
			h := newHarness(Options{Interval: time.Minute, Now: func() pprofile.Moment { return now }})
			for range 2 {
				h.Take(trace(2, "f"))
				now = pprofile.Moment{Wall: now.Wall.Add(interval + step), Running: now.Running + interval}
				step = 0 // once, in the first interval
				h.flush(false)
			}
			h.balanced(t, 0)
			if len(h.offered) != 2 {
				t.Fatalf("%d profiles", len(h.offered))
			}
			for at, offered := range h.offered {
				age := now.Wall.Sub(offered.To)
				if want := time.Duration(1-at) * interval; age != want || offered.To.Sub(offered.From) != interval {
					t.Errorf("profile %d from %v to %v, now it is %v", at, offered.From, offered.To, now.Wall)
				}
			}
			if h.offered[1].From != h.offered[0].To {
				t.Errorf("a gap between %v and %v", h.offered[0].To, h.offered[1].From)
			}
		})
	}
}

func TestALowerRateKeepsAShareThatStandsForAll(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.wanted = 5 // of 50
	for range 10_000 {
		h.Take(trace(2, "hot"))
	}
	for range 1_000 {
		h.Take(trace(2, "warm"))
	}
	h.flush(false)
	h.balanced(t, 0)
	if got := h.Counts().Offered; got < 1099 || got > 1101 {
		t.Errorf("%d samples are kept of 11,000, a tenth is wanted", got)
	}
	parsed, err := profile.Parse(bytes.NewReader(h.offered[0].Pprof))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, s := range parsed.Sample {
		total += s.Value[0]
	}
	if seconds := float64(total) / 1e9; seconds < 219 || seconds > 221 {
		t.Errorf("%.1f s of CPU, 220 were taken", seconds)
	}
	if parsed.Period != 200e6 {
		t.Errorf("period %d", parsed.Period)
	}
}

func TestARateAboveTheMachinesChangesNothing(t *testing.T) {
	h := newHarness(Options{Interval: time.Minute})
	h.wanted = 200
	h.Take(trace(2, "f"))
	h.flush(false)
	if c := h.Counts(); c.Offered != 1 || c.Thinned != 0 {
		t.Errorf("%+v", c)
	}
}

func TestIntervalsAreUpToAThirdShorter(t *testing.T) {
	h := newHarness(Options{Interval: 15 * time.Second})
	shortest, longest := time.Hour, time.Duration(0)
	for range 1000 {
		next := h.nextInterval()
		shortest, longest = min(shortest, next), max(longest, next)
	}
	if shortest < 10*time.Second || longest > 15*time.Second || longest-shortest < 4*time.Second {
		t.Errorf("from %v to %v", shortest, longest)
	}
}
