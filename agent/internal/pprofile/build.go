package pprofile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"sync"
	"time"

	"brazier.dev/agent/internal/sample"
)

// Type says what the values of a profile are.
type Type struct {
	// Name is what the server calls the profile: __name__.
	Name string
	// Sample and Unit describe the values, Period and PeriodUnit how they were taken.
	Sample, Unit, Period, PeriodUnit string
}

// CPU is time spent running, OffCPU time spent waiting; the server knows both under these names.
var (
	CPU    = Type{Name: "process_cpu", Sample: "cpu", Unit: "nanoseconds", Period: "cpu", PeriodUnit: "nanoseconds"}
	OffCPU = Type{Name: "off_cpu", Sample: "off_cpu", Unit: "nanoseconds"}
)

// TypeOf gives the profile that samples of an origin go into.
func TypeOf(origin sample.Origin) Type {
	if origin == sample.OffCPU {
		return OffCPU
	}
	return CPU
}

// Fields of the messages of pprof's profile.proto.
const (
	profileSampleType = 1
	profileSample     = 2
	profileMapping    = 3
	profileLocation   = 4
	profileFunction   = 5
	profileString     = 6
	profileTime       = 9
	profileDuration   = 10
	profilePeriodType = 11
	profilePeriod     = 12
)

// Resolved gives the lines of a frame, callee first: several where functions were inlined into each other. A frame without a
// function stays an address.
type Resolved [][]sample.Frame

// Builder writes one pprof from the stacks of one or more processes.
type Builder struct {
	kind     Type
	period   int64
	from, to time.Time
	resolved Resolved
	frames   []sample.Frame

	out, inner, scratch message
	strings             map[string]uint64
	table               []string
	functions           map[functionKey]uint64
	mappings            map[mappingKey]uint64
	mappingList         []mappingEntry
	locations           map[uint32]uint64
	ids                 []uint64
	// Count is the number of samples written, Value what they add up to.
	Count, Value int64
}

type functionKey struct{ name, file string }

// mappingKey is a mapping by what it shows: the same file at the same addresses is one mapping in all processes.
type mappingKey struct {
	path, buildID      string
	start, end, offset uint64
}

type mappingEntry struct {
	key mappingKey
	// unnamed is whether an address in it has no function: such addresses are kept for the server's symbol store.
	unnamed bool
	named   bool
}

// NewBuilder begins a profile over an interval whose frames have been resolved. Period is the time between two samples in
// nanoseconds, 0 where there is none.
func NewBuilder(kind Type, period int64, interval *Interval, resolved Resolved) *Builder {
	b := &Builder{
		kind: kind, period: period, from: interval.From, to: interval.To, frames: interval.Frames, resolved: resolved,
		strings: map[string]uint64{}, functions: map[functionKey]uint64{}, mappings: map[mappingKey]uint64{}, locations: map[uint32]uint64{},
	}
	b.str("")
	b.valueType(profileSampleType, kind.Sample, kind.Unit)
	return b
}

func (b *Builder) str(text string) uint64 {
	if index, ok := b.strings[text]; ok {
		return index
	}
	index := uint64(len(b.table))
	b.strings[text] = index
	b.table = append(b.table, text)
	return index
}

func (b *Builder) valueType(field int, kind, unit string) {
	b.inner.reset()
	b.inner.number(1, b.str(kind))
	b.inner.number(2, b.str(unit))
	b.out.nested(field, b.inner.bytes)
}

// Add writes the stacks of a process. Processes of one service may share stacks; the server adds them up.
func (b *Builder) Add(process *Process) {
	for _, stack := range process.Stacks {
		b.addStack(stack)
	}
}

func (b *Builder) addStack(stack *Stack) {
	b.ids = b.ids[:0]
	for _, frame := range stack.Frames {
		b.ids = append(b.ids, b.location(frame))
	}
	label := stack.Thread != ""
	var name, value uint64
	if label {
		name, value = b.str("thread"), b.str(stack.Thread)
	}
	b.inner.reset()
	b.inner.packed(1, &b.scratch, b.ids)
	b.inner.packed(2, &b.scratch, []uint64{uint64(stack.Value)})
	if label {
		b.scratch.reset()
		b.scratch.number(1, name)
		b.scratch.number(2, value)
		b.inner.nested(3, b.scratch.bytes)
	}
	b.out.nested(profileSample, b.inner.bytes)
	b.Count += stack.Count
	b.Value += stack.Value
}

func (b *Builder) location(number uint32) uint64 {
	if id, ok := b.locations[number]; ok {
		return id
	}
	frame := b.frames[number]
	lines := b.resolved[number]
	if frame.Mapping == nil && !anyNamed(lines) {
		lines = nameless
	}
	mapping := b.mapping(&frame, lines)
	functions := make([]uint64, len(lines))
	for i := range lines {
		functions[i] = b.function(&lines[i])
	}
	id := uint64(len(b.locations) + 1)
	b.locations[number] = id
	b.inner.reset()
	b.inner.number(1, id)
	b.inner.number(2, mapping)
	b.inner.number(3, frame.Address)
	for i := range lines {
		if functions[i] == 0 {
			continue
		}
		b.scratch.reset()
		b.scratch.number(1, functions[i])
		b.scratch.number(2, uint64(max(lines[i].Line, 0)))
		b.inner.nested(4, b.scratch.bytes)
	}
	b.out.nested(profileLocation, b.inner.bytes)
	return id
}

// nameless stands for a frame of which nothing is known, such as code that an interpreter made up: a location that says nothing at all
// would cost the server the whole sample.
var nameless = []sample.Frame{{Function: "[unknown]"}}

func anyNamed(lines []sample.Frame) bool {
	return slices.ContainsFunc(lines, func(line sample.Frame) bool { return line.Function != "" })
}

func (b *Builder) function(frame *sample.Frame) uint64 {
	if frame.Function == "" {
		return 0
	}
	key := functionKey{frame.Function, frame.File}
	if id, ok := b.functions[key]; ok {
		return id
	}
	id := uint64(len(b.functions) + 1)
	b.functions[key] = id
	name, file := b.str(frame.Function), b.str(frame.File)
	b.inner.reset()
	b.inner.number(1, id)
	b.inner.number(2, name)
	b.inner.number(3, name)
	b.inner.number(4, file)
	b.out.nested(profileFunction, b.inner.bytes)
	return id
}

func (b *Builder) mapping(frame *sample.Frame, lines []sample.Frame) uint64 {
	if frame.Mapping == nil {
		return 0
	}
	m := frame.Mapping
	key := mappingKey{m.Path, m.BuildID, m.Start, m.End, m.Offset}
	id, ok := b.mappings[key]
	if !ok {
		b.mappingList = append(b.mappingList, mappingEntry{key: key})
		id = uint64(len(b.mappingList))
		b.mappings[key] = id
	}
	if len(lines) == 0 || lines[0].Function == "" {
		b.mappingList[id-1].unnamed = true
	} else {
		b.mappingList[id-1].named = true
	}
	return id
}

func (b *Builder) writeMappings() {
	for i, entry := range b.mappingList {
		path, build := b.str(entry.key.path), b.str(entry.key.buildID)
		b.inner.reset()
		b.inner.number(1, uint64(i+1))
		b.inner.number(2, entry.key.start)
		b.inner.number(3, entry.key.end)
		b.inner.number(4, entry.key.offset)
		b.inner.number(5, path)
		b.inner.number(6, build)
		b.inner.boolean(7, entry.named && !entry.unnamed)
		b.out.nested(profileMapping, b.inner.bytes)
	}
}

var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// Bytes ends the profile: a gzipped pprof.
func (b *Builder) Bytes() ([]byte, error) {
	b.writeMappings()
	b.out.number(profileTime, uint64(b.from.UnixNano()))
	b.out.number(profileDuration, uint64(b.to.Sub(b.from)))
	if b.kind.Period != "" {
		b.valueType(profilePeriodType, b.kind.Period, b.kind.PeriodUnit)
		b.out.number(profilePeriod, uint64(b.period))
	}
	for _, text := range b.table {
		b.out.text(profileString, text)
	}
	var packed bytes.Buffer
	writer := compressors.Get().(*gzip.Writer)
	defer compressors.Put(writer)
	writer.Reset(&packed)
	if _, err := writer.Write(b.out.bytes); err != nil {
		return nil, fmt.Errorf("compressing a profile: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compressing a profile: %w", err)
	}
	return packed.Bytes(), nil
}
