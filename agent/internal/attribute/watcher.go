package attribute

import (
	"sync"

	"brazier.dev/agent/internal/sample"
)

// maxWatched bounds what is remembered of processes.
const maxWatched = 16384

// Watcher reads what there is to know of a process when its first sample comes, because it may be gone when the interval ends.
type Watcher struct {
	cgroup     func(pid int) string
	kernelTask func(pid int) bool

	mu    sync.Mutex
	known map[watchedKey]*Process
	old   map[watchedKey]*Process
}

type watchedKey struct {
	pid int
	exe string
}

// NewWatcher makes a watcher; its parameters read the machine.
func NewWatcher(cgroup func(pid int) string, kernelTask func(pid int) bool) *Watcher {
	return &Watcher{cgroup: cgroup, kernelTask: kernelTask, known: map[watchedKey]*Process{}}
}

// Observe looks at the process of a trace unless it is known.
func (w *Watcher) Observe(trace *sample.Trace) {
	key := watchedKey{trace.PID, trace.ExecutablePath}
	w.mu.Lock()
	defer w.mu.Unlock()
	if process := w.find(key); process != nil {
		if process.Runtime == "" {
			process.Runtime = runtimeOf(trace.ExecutablePath, trace.Frames)
		}
		return
	}
	process := &Process{
		PID: trace.PID, Exe: trace.ExecutablePath, Comm: trace.Comm, ContainerID: trace.ContainerID, Cgroup: w.cgroup(trace.PID),
		Runtime: runtimeOf(trace.ExecutablePath, trace.Frames),
	}
	if process.Comm == "" {
		process.Comm = trace.Thread
	}
	process.KernelTask = trace.ExecutablePath == "" && process.Cgroup != "" && w.kernelTask(trace.PID)
	w.add(key, process)
}

// Find gives what is known of a process.
func (w *Watcher) Find(pid int, exe string) Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	if process := w.find(watchedKey{pid, exe}); process != nil {
		return *process
	}
	return Process{PID: pid, Exe: exe}
}

// find keeps what is asked for in the newer of two generations; the older one is dropped when the newer is full.
func (w *Watcher) find(key watchedKey) *Process {
	process := w.known[key]
	if process == nil {
		if process = w.old[key]; process != nil {
			w.add(key, process)
		}
	}
	return process
}

func (w *Watcher) add(key watchedKey, process *Process) {
	if len(w.known) >= maxWatched/2 {
		w.old, w.known = w.known, map[watchedKey]*Process{}
	}
	w.known[key] = process
}

// Turn forgets processes that nobody has asked for since the last turn but one. It is called now and then, so that a number that
// the kernel gives out again is looked at again.
func (w *Watcher) Turn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.old, w.known = w.known, map[watchedKey]*Process{}
}
