// Package selfcheck notices that the agent runs and sees nothing: without some capabilities the profiler starts well and silently
// loses the frames of every process.
package selfcheck

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"brazier.dev/agent/internal/sample"
)

const (
	// window is how far back a verdict looks: at least one, at most two windows.
	window = 30 * time.Second
	// samplesMin makes a verdict worth something. A process's first sample has no user frames, and fifty processes may be new.
	samplesMin = 60
	// shareMin of the samples of processes must have user frames. Healthy machines are above 0.9; build machines above 0.5.
	shareMin = 0.1
)

// Verdict is what the last samples say.
type Verdict struct {
	Healthy bool
	// Samples of processes (not of kernel threads), and the share of them that has frames of the process.
	Samples int64
	Share   float64
	// Reason says what is wrong and what to do, when it is not healthy.
	Reason string
}

type bucket struct{ samples, unwound int64 }

// Check watches traces go by.
type Check struct {
	kernelTask func(pid int) bool
	now        func() time.Time
	self       int

	mu       sync.Mutex
	began    time.Time
	old, cur bucket
	kernel   map[int]bool
}

// New makes a check that has seen nothing and is content. Its parameters are the machine: time, and which processes are the kernel's.
func New(now func() time.Time, kernelTask func(pid int) bool) *Check {
	return &Check{kernelTask: kernelTask, now: now, self: os.Getpid(), began: now(), kernel: map[int]bool{}}
}

// Observe counts a trace. The agent's own frames can be read without any capability and prove nothing.
func (c *Check) Observe(trace *sample.Trace) {
	if trace.Origin != sample.OnCPU || trace.PID == c.self || trace.PID == 0 {
		return
	}
	unwound := hasUserFrames(trace.Frames)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	if !unwound && c.isKernelTask(trace.PID) {
		return
	}
	c.cur.samples++
	if unwound {
		c.cur.unwound++
	}
}

func hasUserFrames(frames []sample.Frame) bool {
	for i := range frames {
		if kind := frames[i].Kind; kind != sample.Kernel && kind != sample.Unknown {
			return true
		}
	}
	return false
}

func (c *Check) isKernelTask(pid int) bool {
	is, known := c.kernel[pid]
	if !known {
		is = c.kernelTask(pid)
		c.kernel[pid] = is
	}
	return is
}

func (c *Check) turn() {
	now := c.now()
	switch passed := now.Sub(c.began); {
	case passed >= 2*window:
		c.old, c.cur = bucket{}, bucket{}
	case passed >= window:
		c.old, c.cur = c.cur, bucket{}
	default:
		return
	}
	c.began = now
	clear(c.kernel)
}

// Verdict judges the last samples. Too few of them are no reason to complain: an idle machine has none.
func (c *Check) Verdict() Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	v := Verdict{Healthy: true, Samples: c.old.samples + c.cur.samples}
	if v.Samples == 0 {
		return v
	}
	v.Share = float64(c.old.unwound+c.cur.unwound) / float64(v.Samples)
	if v.Samples >= samplesMin && v.Share < shareMin {
		v.Healthy = false
		v.Reason = fmt.Sprintf("only %.0f %% of %d samples have frames of their process: the agent needs CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE and CAP_DAC_READ_SEARCH, and the PID namespace of the machine (hostPID)",
			100*v.Share, v.Samples)
	}
	return v
}

// kernelThread is PF_KTHREAD among the flags of a task.
const kernelThread = 0x00200000

// IsKernelTask reads whether a process is a thread of the kernel. A process that has ended is taken for one: nothing can be said of it.
func IsKernelTask(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	return kernelFlag(string(stat))
}

// kernelFlag reads the flags of a stat line; the name before them may contain anything.
func kernelFlag(stat string) bool {
	_, rest, ok := strings.Cut(stat[max(strings.LastIndexByte(stat, ')'), 0):], " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 7 {
		return true
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err != nil || flags&kernelThread != 0
}
