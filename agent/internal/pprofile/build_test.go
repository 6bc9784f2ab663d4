package pprofile

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"brazier.dev/agent/internal/sample"
)

// The writer is checked with the reader of pprof itself: what goes in comes out, under pprof's own rules of validity.

var start = time.Unix(1_700_000_000, 0)

func native(mapping *sample.Mapping, address uint64) sample.Frame {
	return sample.Frame{Kind: sample.Native, Address: address, Mapping: mapping}
}

// parse ends the profile and reads it as pprof does.
func parse(t *testing.T, builder *Builder) *profile.Profile {
	t.Helper()
	packed, err := builder.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := profile.Parse(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestProfileComesOutAsItWentIn(t *testing.T) {
	app := &sample.Mapping{Path: "/usr/bin/app", BuildID: "abcd", Start: 0x1000, End: 0x9000, Offset: 0x1000}
	aggregator := NewAggregator(DefaultLimits, true, Moment{Wall: start})
	leaf, root := native(app, 0x1234), native(app, 0x2000)
	python := sample.Frame{Kind: sample.Python, Function: "work", File: "w.py", Line: 7}
	for range 3 {
		aggregator.Add(&sample.Trace{PID: 1, Thread: "main", Frames: []sample.Frame{leaf, root}, Value: 10})
	}
	aggregator.Add(&sample.Trace{PID: 1, Thread: "other", Frames: []sample.Frame{leaf, root}, Value: 10})
	aggregator.Add(&sample.Trace{PID: 1, Thread: "main", Frames: []sample.Frame{python, root}, Value: 5})

	interval := aggregator.Flush(Moment{Wall: start.Add(10 * time.Second), Running: 10 * time.Second})
	resolved := make(Resolved, len(interval.Frames))
	for i, frame := range interval.Frames {
		switch {
		case frame.Address == 0x1234:
			resolved[i] = []sample.Frame{{Function: "inlined", File: "a.c", Line: 3, Inlined: true}, {Function: "hot", File: "a.c", Line: 9}}
		case frame.Kind == sample.Python:
			resolved[i] = []sample.Frame{frame}
		}
	}
	builder := NewBuilder(CPU, 5, interval, resolved)
	for _, process := range interval.Processes {
		builder.Add(process)
	}
	parsed := parse(t, builder)
	if got := len(parsed.Sample); got != 3 {
		t.Fatalf("stacks: got %d, want 3", got)
	}
	total := int64(0)
	for _, s := range parsed.Sample {
		total += s.Value[0]
	}
	if total != 45 || builder.Value != 45 || builder.Count != 5 {
		t.Errorf("values: %d in the file, %d and %d samples in the builder; want 45, 45, 5", total, builder.Value, builder.Count)
	}
	first := parsed.Sample[0]
	if first.Value[0] != 30 || first.Label["thread"][0] != "main" {
		t.Errorf("first stack: %v %v", first.Value, first.Label)
	}
	lines := first.Location[0].Line
	if len(lines) != 2 || lines[0].Function.Name != "inlined" || lines[1].Function.Name != "hot" || lines[1].Line != 9 {
		t.Errorf("lines of the leaf: %+v", lines)
	}
	if at := first.Location[1]; at.Address != 0x2000 || len(at.Line) != 0 || at.Mapping.BuildID != "abcd" || at.Mapping.File != "/usr/bin/app" {
		t.Errorf("the root without a name: %+v of %+v", at, at.Mapping)
	}
	if parsed.Mapping[0].HasFunctions {
		t.Error("a mapping with an unnamed address says that it has functions")
	}
	if parsed.SampleType[0].Type != "cpu" || parsed.SampleType[0].Unit != "nanoseconds" || parsed.PeriodType.Type != "cpu" || parsed.Period != 5 {
		t.Errorf("types: %v, period %v of %v", parsed.SampleType[0], parsed.Period, parsed.PeriodType)
	}
	if parsed.TimeNanos != start.UnixNano() || parsed.DurationNanos != int64(10*time.Second) {
		t.Errorf("times: %d for %d", parsed.TimeNanos, parsed.DurationNanos)
	}
}

func TestEveryLocationSaysSomething(t *testing.T) {
	app := &sample.Mapping{Path: "/usr/bin/app", Start: 0x1000, End: 0x9000}
	aggregator := NewAggregator(DefaultLimits, false, Moment{Wall: start})
	aggregator.Add(&sample.Trace{PID: 1, Frames: []sample.Frame{{Kind: sample.JavaScript}, native(app, 0x1234)}, Value: 1})
	interval := aggregator.Flush(Moment{Wall: start.Add(time.Second), Running: time.Second})
	resolved := make(Resolved, len(interval.Frames))
	for i, frame := range interval.Frames {
		if frame.Kind == sample.JavaScript {
			resolved[i] = []sample.Frame{frame}
		}
	}
	builder := NewBuilder(CPU, 5, interval, resolved)
	builder.Add(interval.Processes[0])
	parsed := parse(t, builder)
	leaf, root := parsed.Sample[0].Location[0], parsed.Sample[0].Location[1]
	if len(leaf.Line) != 1 || leaf.Line[0].Function.Name != "[unknown]" {
		t.Errorf("a frame without a name or a mapping: got %v", leaf.Line)
	}
	if len(root.Line) != 0 || root.Address != 0x1234 {
		t.Errorf("an address in a file stays an address: got %v", root)
	}
}

func TestOffCPUHasNoPeriod(t *testing.T) {
	aggregator := NewAggregator(DefaultLimits, false, Moment{Wall: start})
	aggregator.Add(&sample.Trace{PID: 1, Origin: sample.OffCPU, Frames: []sample.Frame{{Kind: sample.Kernel, Function: "schedule"}}, Value: 99})
	interval := aggregator.Flush(Moment{Wall: start.Add(time.Second), Running: time.Second})
	builder := NewBuilder(TypeOf(interval.Processes[0].Key.Origin), 7, interval, Resolved{{interval.Frames[0]}})
	builder.Add(interval.Processes[0])
	parsed := parse(t, builder)
	if parsed.SampleType[0].Type != "off_cpu" || parsed.Period != 0 || parsed.Sample[0].Value[0] != 99 {
		t.Errorf("got %v", parsed)
	}
}
