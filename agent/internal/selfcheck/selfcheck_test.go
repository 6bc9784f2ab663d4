package selfcheck

import (
	"os"
	"testing"
	"time"

	"brazier.dev/agent/internal/sample"
)

func trace(pid int, kinds ...sample.Kind) *sample.Trace {
	t := &sample.Trace{PID: pid}
	for _, kind := range kinds {
		t.Frames = append(t.Frames, sample.Frame{Kind: kind, Function: "f"})
	}
	return t
}

func TestVerdict(t *testing.T) {
	cases := []struct {
		name    string
		observe func(*Check)
		healthy bool
		share   float64
	}{
		{"nothing seen", func(*Check) {}, true, 0},
		{"too few to say", func(c *Check) { repeat(c, 59, trace(7, sample.Kernel)) }, true, 0},
		{"kernel frames alone", func(c *Check) { repeat(c, 60, trace(7, sample.Kernel)) }, false, 0},
		{"no frames at all", func(c *Check) { repeat(c, 60, trace(7)) }, false, 0},
		{"error frames are no frames", func(c *Check) { repeat(c, 60, trace(7, sample.Kernel, sample.Unknown)) }, false, 0},
		{"kernel threads do not count", func(c *Check) { repeat(c, 600, trace(1000, sample.Kernel)) }, true, 0},
		{"its own frames prove nothing", func(c *Check) {
			repeat(c, 60, trace(7, sample.Kernel))
			repeat(c, 600, trace(os.Getpid(), sample.Go))
		}, false, 0},
		{"half is unwound", func(c *Check) {
			repeat(c, 50, trace(7, sample.Kernel))
			repeat(c, 50, trace(8, sample.Kernel, sample.Native))
		}, true, 0.5},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			now := time.Unix(0, 0)
			check := New(func() time.Time { return now }, func(pid int) bool { return pid >= 1000 })
			test.observe(check)
			got := check.Verdict()
			if got.Healthy != test.healthy || got.Share != test.share {
				t.Errorf("got %+v", got)
			}
			if !got.Healthy && got.Reason == "" {
				t.Error("unhealthy without a reason")
			}
		})
	}
}

func repeat(c *Check, times int, t *sample.Trace) {
	for range times {
		c.Observe(t)
	}
}

func TestRecoversWhenFramesComeBack(t *testing.T) {
	now := time.Unix(0, 0)
	check := New(func() time.Time { return now }, func(int) bool { return false })
	repeat(check, 100, trace(7, sample.Kernel))
	if check.Verdict().Healthy {
		t.Fatal("blind and content")
	}
	now = now.Add(window)
	repeat(check, 100, trace(7, sample.Native))
	now = now.Add(window)
	repeat(check, 100, trace(7, sample.Native))
	if got := check.Verdict(); !got.Healthy || got.Share != 1 {
		t.Errorf("after recovery: %+v", got)
	}
	now = now.Add(3 * window)
	if got := check.Verdict(); got.Samples != 0 {
		t.Errorf("a verdict on samples that are long gone: %+v", got)
	}
}

func TestKernelFlag(t *testing.T) {
	cases := map[string]bool{
		"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0":    true,
		"1 (init) S 0 1 1 0 -1 4194560 9 8":        false,
		"9 (a) (b) c) R 1 9 9 0 -1 4194304 1 1":    false,
		"9 (odd 2129984) R 1 9 9 0 -1 4194304 1 1": false,
		"garbage": true,
	}
	for stat, want := range cases {
		if got := kernelFlag(stat); got != want {
			t.Errorf("%q: %v", stat, got)
		}
	}
}
