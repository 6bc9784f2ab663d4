// Package perfevent takes stacks with perf_event_open alone, for machines that refuse eBPF.
//
// The kernel follows frame pointers: good for Go, for C with frame pointers, for the kernel, and for just-in-time compilers that
// write a perf map; what was compiled without frame pointers has its leaf and little more. Profiles say so by a label.
package perfevent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"brazier.dev/agent/internal/collect"
	"brazier.dev/agent/internal/perfclock"
	"brazier.dev/agent/internal/sample"
	"brazier.dev/agent/internal/symbolize"
)

// pollEvery is how often the rings are emptied.
const pollEvery = 200 * time.Millisecond

// idleProcess is how long a process that is not sampled is remembered.
const idleProcess = time.Minute

type sampler struct {
	options collect.Options

	kernel    *symbolize.Kernel
	files     files
	processes map[int]*process
	stack     stack

	stop  context.CancelFunc
	ended chan struct{}
	done  chan struct{}
	lost  atomic.Uint64
	rate  atomic.Int64

	mu     sync.Mutex
	rings  []*ring
	closed bool
}

// New prepares the collector that follows frame pointers.
func New(options collect.Options) collect.Collector {
	s := &sampler{options: options, processes: map[int]*process{}, done: make(chan struct{})}
	s.files = files{known: map[string]*fileInfo{}, seen: options.Seen}
	s.rate.Store(int64(options.Rate))
	return s
}

func (s *sampler) Name() string          { return "perf_event" }
func (s *sampler) Done() <-chan struct{} { return s.done }
func (s *sampler) Rate() int             { return int(s.rate.Load()) }
func (s *sampler) Lost() uint64          { return s.lost.Load() }

func (s *sampler) Start(parent context.Context) error {
	if s.options.OffCPU > 0 {
		s.options.Refused(collect.Refusal{Collector: "off_cpu", Reason: "collector", Err: errors.New("perf_event has no off-CPU profiles")})
	}
	cpus, err := onlineCPUs("/sys/devices/system/cpu/online")
	if err != nil {
		return fmt.Errorf("finding the CPUs: %w", err)
	}
	for _, cpu := range cpus {
		r, err := openRing(cpu, s.options.Rate)
		if err != nil {
			return explain(err)
		}
		s.rings = append(s.rings, r)
	}
	if s.kernel, err = symbolize.ReadKernel("/proc/kallsyms"); err != nil {
		s.options.Log.Warn("kernel functions stay without names", "error", err)
	}
	for _, r := range s.rings {
		if err := r.enable(); err != nil {
			return fmt.Errorf("the clocks do not start: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(parent))
	s.stop = stop
	s.ended = make(chan struct{})
	go s.poll(ctx)
	return nil
}

// explain names the capability that the kernel asks for.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return &collect.MissingError{Reason: "permission", Err: err,
			What: "the kernel refuses to sample other processes: add CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8), or set kernel.perf_event_paranoid to -1"}
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		return &collect.MissingError{Reason: "unsupported", Err: err, What: "the kernel has no perf events"}
	}
	return err
}

func (s *sampler) poll(ctx context.Context) {
	defer close(s.ended)
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.drain(time.Now())
		case <-ctx.Done():
			s.drain(time.Now())
			return
		}
	}
}

func (s *sampler) drain(now time.Time) {
	for _, r := range s.rings {
		r.drain(func(kind uint32, misc uint16, body []byte) { s.record(kind, misc, body, now) })
	}
	for pid, p := range s.processes {
		if now.Sub(p.lastUsed) > idleProcess {
			delete(s.processes, pid)
		}
	}
}

func (s *sampler) record(kind uint32, misc uint16, body []byte, now time.Time) {
	switch kind {
	case recordSample:
		if decodeSample(body, &s.stack) {
			s.take(now)
		}
	case recordLost:
		s.lost.Add(decodeLost(body))
	case recordComm:
		if pid, ok := decodePid(body); ok && misc&miscCommExec != 0 {
			delete(s.processes, pid) // another program runs there now
		}
	case recordExit:
		if pid, ok := decodePid(body); ok && len(body) >= 16 {
			s.exited(pid, body)
		}
	}
}

// exited forgets a process when its first thread ends: the number may be given to another one.
func (s *sampler) exited(pid int, body []byte) {
	if thread, ok := decodePid(body[8:]); ok && thread == pid {
		delete(s.processes, pid)
	}
}

func (s *sampler) take(now time.Time) {
	if s.stack.pid <= 0 {
		return
	}
	p := s.processes[s.stack.pid]
	if p == nil {
		p = openProcess(s.stack.pid, now)
		s.processes[s.stack.pid] = p
	}
	p.lastUsed = now
	trace := &sample.Trace{
		PID: s.stack.pid, TID: s.stack.tid, CPU: s.stack.cpu, Comm: p.comm, ContainerID: p.container, ExecutablePath: p.exe,
		TimeNs: now.UnixNano(), Value: int64(time.Second) / s.rate.Load(),
		Frames: make([]sample.Frame, 0, len(s.stack.kernel)+len(s.stack.user)),
	}
	if s.options.Threads {
		trace.Thread = strings.TrimSpace(readFile(fmt.Sprintf("/proc/%d/task/%d/comm", s.stack.pid, s.stack.tid)))
	}
	for i, address := range s.stack.kernel {
		trace.Frames = append(trace.Frames, s.kernelFrame(callSite(address, i)))
	}
	for i, address := range s.stack.user {
		trace.Frames = append(trace.Frames, s.userFrame(p, callSite(address, i), now))
	}
	s.options.Sink(trace)
}

// callSite gives the address of the call for all but the leaf, whose address is where it returns to.
func callSite(address uint64, depth int) uint64 {
	if depth == 0 {
		return address
	}
	return address - 1
}

var kernelMapping = &sample.Mapping{Path: "[kernel]", FileID: "kernel", End: ^uint64(0)}

func (s *sampler) kernelFrame(address uint64) sample.Frame {
	frame := sample.Frame{Kind: sample.Kernel, Address: address, Mapping: kernelMapping}
	if s.kernel != nil {
		frame.Function = s.kernel.Name(address)
	}
	return frame
}

func (s *sampler) userFrame(p *process, address uint64, now time.Time) sample.Frame {
	r := p.find(address, now)
	switch {
	case r == nil:
		return sample.Frame{Kind: sample.Unknown, Function: "[unknown]"}
	case r.path == "[vdso]" || r.path == "[vsyscall]":
		return sample.Frame{Kind: sample.Native, Function: r.path}
	case r.anonymous():
		if name := p.perfMap.Name(address, now); name != "" {
			return sample.Frame{Kind: sample.Native, Function: name}
		}
		return sample.Frame{Kind: sample.Native, Function: "[generated code]"}
	}
	info := s.files.get(p, r)
	return sample.Frame{Kind: sample.Native, Address: info.fileAddress(address - r.start + r.offset), Mapping: info.mapping(r)}
}

func (s *sampler) SetRate(hz int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	for _, r := range s.rings {
		if err := perfclock.SetPeriod(r.descriptor, uint64(time.Second)/uint64(hz)); err != nil {
			return fmt.Errorf("the rate stays at %d Hz: %w", s.Rate(), err)
		}
	}
	s.rate.Store(int64(hz))
	return nil
}

func (s *sampler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, r := range s.rings {
		_ = r.disable()
	}
	if s.stop != nil {
		s.stop()
		<-s.ended
	}
	for _, r := range s.rings {
		r.close()
	}
}

// onlineCPUs reads a list like "0-3,6".
func onlineCPUs(path string) ([]int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(content)), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || last < first || last > 1<<16 {
			return nil, fmt.Errorf("%s: %q is no list of CPUs", path, strings.TrimSpace(string(content)))
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
