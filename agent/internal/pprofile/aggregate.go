// Package pprofile adds up stacks over an interval and writes them as pprof.
//
// Stacks are kept as lists of frame numbers while the interval runs, and frames are named once at its end: the path of a sample is
// short, and a frame that ten thousand samples share is looked up once.
package pprofile

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"brazier.dev/agent/internal/sample"
)

// ProcessKey tells processes apart within an interval. A process that executes another program is another process.
type ProcessKey struct {
	PID            int
	ExecutablePath string
	ContainerID    string
	Origin         sample.Origin
}

// Stack is one distinct stack of a process and what was measured in it.
type Stack struct {
	// Frames are numbers into Interval.Frames, leaf first.
	Frames []uint32
	// Thread is the name of the thread, where threads are told apart.
	Thread string
	// Value is nanoseconds, Count the number of samples.
	Value, Count int64
}

// Process is what one process did in an interval.
type Process struct {
	Key    ProcessKey
	Comm   string
	Stacks []*Stack
	// Count is the number of samples of all stacks.
	Count int64

	byKey map[string]*Stack
}

// Interval is what was seen between two flushes. Nothing changes it any more.
type Interval struct {
	From, To  time.Time
	Frames    []sample.Frame
	Processes []*Process
	// Overflowed counts the samples of stacks that found no room and were added to the stack [Overflow] of their process.
	Overflowed int64
}

// Overflow is the only frame of samples whose stack found no room.
const Overflow = "[stacks over the limit]"

// Limits bound the memory of an interval.
type Limits struct {
	// Stacks is the number of distinct stacks in all processes. 200,000 of them with their frames take about 60 MB.
	Stacks int
	// Frames is the depth of a stack, counted from the leaf.
	Frames int
}

// DefaultLimits hold 64 busy cores at 97 Hz for 15 s even if every stack is different.
var DefaultLimits = Limits{Stacks: 100_000, Frames: 512}

// Aggregator adds up traces. It is safe for one writer and one flusher.
type Aggregator struct {
	limits Limits
	// threads says whether stacks of threads with different names are kept apart.
	threads bool

	mu         sync.Mutex
	from       Moment
	frames     []sample.Frame
	numbers    map[sample.Frame]uint32
	processes  map[ProcessKey]*Process
	stacks     int
	overflowed int64
	numberBuf  []uint32
	keyBuf     []byte
}

// NewAggregator begins the first interval.
func NewAggregator(limits Limits, threads bool, now Moment) *Aggregator {
	a := &Aggregator{limits: limits, threads: threads}
	a.begin(now)
	return a
}

func (a *Aggregator) begin(now Moment) {
	a.from = now
	a.frames = nil
	a.numbers = map[sample.Frame]uint32{}
	a.processes = map[ProcessKey]*Process{}
	a.stacks = 0
	a.overflowed = 0
}

// Add counts a trace.
func (a *Aggregator) Add(trace *sample.Trace) {
	a.mu.Lock()
	defer a.mu.Unlock()

	key := ProcessKey{PID: trace.PID, ExecutablePath: trace.ExecutablePath, ContainerID: trace.ContainerID, Origin: trace.Origin}
	process := a.processes[key]
	if process == nil {
		process = &Process{Key: key, Comm: trace.Comm, byKey: map[string]*Stack{}}
		a.processes[key] = process
	}
	if process.Comm == "" {
		process.Comm = trace.Comm
	}
	thread := ""
	if a.threads {
		thread = trace.Thread
	}
	frames := trace.Frames
	if len(frames) > a.limits.Frames {
		frames = append(slices.Clip(frames[:a.limits.Frames]), sample.Frame{Kind: sample.Unknown, Function: "[deeper frames]"})
	}
	stack := a.stack(process, frames, thread)
	stack.Value += trace.Value
	stack.Count++
	process.Count++
}

func (a *Aggregator) stack(process *Process, frames []sample.Frame, thread string) *Stack {
	a.number(frames)
	if stack := process.byKey[string(a.key(thread))]; stack != nil {
		return stack
	}
	if a.stacks >= a.limits.Stacks {
		a.overflowed++
		a.number([]sample.Frame{{Kind: sample.Unknown, Function: Overflow}})
		thread = ""
		if stack := process.byKey[string(a.key(thread))]; stack != nil {
			return stack
		}
	}
	a.stacks++
	stack := &Stack{Frames: slices.Clone(a.numberBuf), Thread: thread}
	process.byKey[string(a.key(thread))] = stack
	process.Stacks = append(process.Stacks, stack)
	return stack
}

// number fills numberBuf with the numbers of frames.
func (a *Aggregator) number(frames []sample.Frame) {
	a.numberBuf = a.numberBuf[:0]
	for _, frame := range frames {
		number, known := a.numbers[frame]
		if !known {
			number = uint32(len(a.frames))
			a.numbers[frame] = number
			a.frames = append(a.frames, frame)
		}
		a.numberBuf = append(a.numberBuf, number)
	}
}

// key writes the key of the stack in numberBuf. It is valid until the next call.
func (a *Aggregator) key(thread string) []byte {
	a.keyBuf = a.keyBuf[:0]
	for _, number := range a.numberBuf {
		a.keyBuf = binary.LittleEndian.AppendUint32(a.keyBuf, number)
	}
	a.keyBuf = append(a.keyBuf, thread...)
	return a.keyBuf
}

// Flush ends the interval and begins the next one.
func (a *Aggregator) Flush(now Moment) *Interval {
	a.mu.Lock()
	defer a.mu.Unlock()
	interval := &Interval{From: now.before(a.from), To: now.Wall, Frames: a.frames, Overflowed: a.overflowed}
	for _, process := range a.processes {
		process.byKey = nil
		interval.Processes = append(interval.Processes, process)
	}
	slices.SortFunc(interval.Processes, func(x, y *Process) int {
		if x.Key.PID != y.Key.PID {
			return x.Key.PID - y.Key.PID
		}
		return int(x.Key.Origin) - int(y.Key.Origin)
	})
	a.begin(now)
	return interval
}
