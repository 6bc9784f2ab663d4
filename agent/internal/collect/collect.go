// Package collect takes stacks of everything that runs on the machine.
//
// There are two ways to do it: eBPF, which unwinds every language, and perf_event, which follows frame pointers. Both stand behind
// [Collector]; [Choose] prefers the first and says why when it has to take the second.
package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"brazier.dev/agent/internal/sample"
)

// Sink takes a trace and never blocks for long: it is called by the goroutine that empties the kernel's buffer.
type Sink func(*sample.Trace)

// Executable is a file that was seen mapped in a process, while it can still be opened.
type Executable struct {
	Mapping *sample.Mapping
	PID     int
	// Open gives the very file that is mapped, even if it has been deleted or replaced since.
	Open func() (File, error)
	// DebugLink is the path of a separate debug file as seen from the process, if the file names one that exists.
	DebugLink string
}

// Collector takes stacks until its context ends.
type Collector interface {
	// Name is "ebpf" or "perf_event", for logs and metrics.
	Name() string
	// Start returns when stacks are being taken, or with the reason why they cannot be.
	Start(ctx context.Context) error
	// SetRate changes how often each CPU is sampled, in samples per second.
	SetRate(hz int) error
	// Rate is what SetRate or the configuration last said.
	Rate() int
	// Lost counts samples that the kernel could not hand over.
	Lost() uint64
	// Done is closed when the collector can go on no longer.
	Done() <-chan struct{}
	// Close stops sampling. What was sampled before has reached the sink when it returns.
	Close()
}

// Options are common to all collectors.
type Options struct {
	Rate int
	// OffCPU is the share of waits that is sampled, 0 (none) to 1.
	OffCPU float64
	// Threads asks for the names of threads.
	Threads bool
	Log     *slog.Logger
	Sink    Sink
	// Seen is told about every executable file once.
	Seen func(Executable)
	// Refused is told what a collector that runs has to do without.
	Refused func(Refusal)
}

// Maker prepares a collector without touching the kernel.
type Maker func(Options) Collector

// Refusal is why a collector could not start: it is logged, and its Reason labels a metric.
type Refusal struct {
	Collector string
	Reason    string
	Err       error
}

// Choose starts the first of makers that the machine lets start. The refusals of those before it are returned with it.
func Choose(ctx context.Context, options Options, makers ...Maker) (Collector, []Refusal, error) {
	var refusals []Refusal
	var faults []error
	for _, make := range makers {
		collector := make(options)
		err := collector.Start(ctx)
		if err == nil {
			return collector, refusals, nil
		}
		collector.Close()
		refusals = append(refusals, Refusal{Collector: collector.Name(), Reason: Reason(err), Err: err})
		faults = append(faults, fmt.Errorf("%s: %w", collector.Name(), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, refusals, fmt.Errorf("no way to take stacks on this machine: %w", errors.Join(faults...))
}
