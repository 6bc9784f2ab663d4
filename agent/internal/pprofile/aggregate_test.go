package pprofile

import (
	"fmt"
	"testing"
	"time"

	"brazier.dev/agent/internal/sample"
)

func named(name string) sample.Frame { return sample.Frame{Kind: sample.Go, Function: name} }

func TestStacksOverTheLimitAreCountedNotLost(t *testing.T) {
	aggregator := NewAggregator(Limits{Stacks: 2, Frames: 10}, false, Moment{Wall: start})
	for i := range 5 {
		aggregator.Add(&sample.Trace{PID: 1, Frames: []sample.Frame{named(fmt.Sprint(i))}, Value: 1})
	}
	aggregator.Add(&sample.Trace{PID: 1, Frames: []sample.Frame{named("0")}, Value: 1})
	interval := aggregator.Flush(Moment{Wall: start.Add(time.Second), Running: time.Second})
	if interval.Overflowed != 3 {
		t.Errorf("overflowed: %d, want 3", interval.Overflowed)
	}
	counts := map[string]int64{}
	for _, stack := range interval.Processes[0].Stacks {
		counts[interval.Frames[stack.Frames[0]].Function] = stack.Count
	}
	if counts["0"] != 2 || counts["1"] != 1 || counts[Overflow] != 3 {
		t.Errorf("stacks: %v", counts)
	}
	if interval.Processes[0].Count != 6 {
		t.Errorf("samples: %d, want 6", interval.Processes[0].Count)
	}
}

func TestDeepStacksKeepTheirLeaf(t *testing.T) {
	aggregator := NewAggregator(Limits{Stacks: 10, Frames: 2}, false, Moment{Wall: start})
	frames := []sample.Frame{named("leaf"), named("middle"), named("root")}
	aggregator.Add(&sample.Trace{PID: 1, Frames: frames, Value: 1})
	interval := aggregator.Flush(Moment{Wall: start})
	stack := interval.Processes[0].Stacks[0]
	if len(stack.Frames) != 3 || interval.Frames[stack.Frames[0]].Function != "leaf" || interval.Frames[stack.Frames[2]].Function != "[deeper frames]" {
		t.Errorf("stack: %v of %v", stack.Frames, interval.Frames)
	}
	if frames[2].Function != "root" {
		t.Error("the trace of the caller has changed")
	}
}

func TestAProcessThatExecutesAnotherProgramIsAnother(t *testing.T) {
	aggregator := NewAggregator(DefaultLimits, false, Moment{Wall: start})
	for _, path := range []string{"/bin/sh", "/bin/ls", "/bin/sh"} {
		aggregator.Add(&sample.Trace{PID: 1, ExecutablePath: path, Frames: []sample.Frame{named("main")}, Value: 1})
	}
	if got := len(aggregator.Flush(Moment{Wall: start}).Processes); got != 2 {
		t.Errorf("processes: %d, want 2", got)
	}
	if got := aggregator.Flush(Moment{Wall: start}); len(got.Processes) != 0 || len(got.Frames) != 0 {
		t.Errorf("an interval begins with what the last one had: %+v", got)
	}
}
