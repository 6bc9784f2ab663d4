package collect

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/ebpf-profiler/libpf"
	upstreamlog "go.opentelemetry.io/ebpf-profiler/log"
	"go.opentelemetry.io/ebpf-profiler/metrics"
	"go.opentelemetry.io/ebpf-profiler/times"
	"go.opentelemetry.io/ebpf-profiler/tracer"
)

// ebpf is the OpenTelemetry profiler behind our interface. Its own interface changes monthly: nothing outside this file and
// convert.go knows it.
type ebpf struct {
	options Options
	meter   *meter
	convert *converter

	stop   context.CancelFunc
	tracer *tracer.Tracer
	done   chan struct{}
	ended  chan struct{}

	mu     sync.Mutex
	rate   int
	timers perfTimers
	closed bool
}

// EBPF prepares the collector that unwinds every language.
func EBPF(options Options) Collector {
	meter := newMeter()
	return &ebpf{options: options, meter: meter, rate: options.Rate, done: make(chan struct{})}
}

func (e *ebpf) Name() string          { return "ebpf" }
func (e *ebpf) Done() <-chan struct{} { return e.done }

// intervals are the profiler's own timers; the numbers are upstream's, who tuned them, but for the first: a new process whose
// notice was missed waits for it, and a process that forks a lot has children that live no longer than a second. It is more than a
// second because the profiler counts once in a second.
type intervals struct{}

func (intervals) MonitorInterval() time.Duration       { return 1500 * time.Millisecond }
func (intervals) TracePollInterval() time.Duration     { return 250 * time.Millisecond }
func (intervals) PIDCleanupInterval() time.Duration    { return time.Minute }
func (intervals) ExecutableUnloadDelay() time.Duration { return time.Minute }

// Clocks are compared again this often, so that a step of the wall clock does not shift profiles for longer.
const clockSyncInterval = 30 * time.Second

// startMetrics may run once in a process: the profiler keeps its instruments in package variables.
var startMetrics sync.Once

// Start follows the order that the profiler's parts need: clocks, programs, process events, timers, monitors, traces.
func (e *ebpf) Start(parent context.Context) error {
	if err := checkCapabilities(e.options.Log); err != nil {
		return err
	}
	// The end of the collector is Close, not the parent: at a graceful stop, traces are taken until the last moment.
	ctx, stop := context.WithCancel(context.WithoutCancel(parent))
	e.stop = stop

	upstreamlog.SetLogger(*slog.New(quietHandler{e.options.Log.With("part", "ebpf-profiler").Handler()}))
	startMetrics.Do(func() { metrics.Start(e.meter) })
	times.StartRealtimeSync(ctx, clockSyncInterval)
	e.convert = newConverter(e)

	loaded, err := tracer.NewTracer(ctx, &tracer.Config{
		TraceReporter:          e.convert,
		ExecutableReporter:     e.convert,
		Intervals:              intervals{},
		SamplesPerSecond:       e.options.Rate,
		FrameCacheSize:         8192,
		FilterIdleFrames:       true,
		KernelVersionCheck:     true,
		ProbabilisticThreshold: tracer.ProbabilisticThresholdMax,
		OffCPUThreshold:        uint32(e.options.OffCPU * float64(math.MaxUint32)),
	})
	if err != nil {
		return explainLoad(err)
	}
	e.tracer = loaded
	loaded.StartPIDEventProcessor(ctx)

	before := openPerfEvents()
	if err := loaded.AttachTracer(nil); err != nil {
		return fmt.Errorf("the programs do not attach to the timers: %w", err)
	}
	e.timers = openPerfEvents().without(before)
	if e.options.OffCPU > 0 {
		if err := withTracefs(loaded.StartOffCPUProfiling); err != nil {
			// CPU time is worth having without the waits.
			e.options.Refused(Refusal{Collector: "off_cpu", Reason: "kprobes", Err: &MissingError{
				Reason: "kprobes", Err: err,
				What: "the kernel refuses off-CPU profiling, which needs kprobes and tracefs; CPU time alone is profiled",
			}})
		}
	}
	if err := loaded.EnableProfiling(); err != nil {
		return fmt.Errorf("the timers do not start: %w", err)
	}
	e.watchProcesses(loaded)

	traces := make(chan *libpf.EbpfTrace)
	if err := loaded.StartMapMonitors(ctx, traces); err != nil {
		return fmt.Errorf("the buffers of the profiler cannot be read: %w", err)
	}
	e.ended = make(chan struct{})
	go e.handle(ctx, traces)
	return nil
}

// watchProcesses attaches the monitors of exits and names. Without them exits are noticed by a sweep, so their loss is no fault.
func (e *ebpf) watchProcesses(loaded *tracer.Tracer) {
	err := withTracefs(func() error {
		if err := loaded.AttachSchedMonitor(); err != nil {
			return err
		}
		return loaded.AttachPrctlMonitor()
	})
	if err != nil {
		e.options.Log.Warn("exits of processes are noticed late: mount tracefs at /sys/kernel/tracing to notice them at once", "error", err)
	}
}

func (e *ebpf) handle(ctx context.Context, traces <-chan *libpf.EbpfTrace) {
	defer close(e.ended)
	for {
		select {
		case trace := <-traces:
			if trace != nil { // nil marks the end of a batch
				e.tracer.HandleTrace(trace)
			}
		case <-e.tracer.Done():
			select {
			case <-ctx.Done():
			default:
				close(e.done)
			}
			return
		case <-ctx.Done():
			return
		}
	}
}

func (e *ebpf) Rate() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rate
}

// SetRate changes the period of the running timers: loading the programs again would take seconds.
func (e *ebpf) SetRate(hz int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	if err := e.timers.setRate(hz); err != nil {
		return fmt.Errorf("the rate stays at %d Hz: %w", e.rate, err)
	}
	e.rate = hz
	return nil
}

func (e *ebpf) Lost() uint64 {
	return e.meter.value("bpf.errors.ringbuf_output") + e.meter.value("agent.errors.trace_event_lost")
}

func (e *ebpf) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	e.mu.Unlock()
	if e.ended != nil {
		// One poll of the ring after the timers' last tick brings what is still in it.
		time.Sleep(intervals{}.TracePollInterval() + 50*time.Millisecond)
	}
	if e.stop != nil {
		e.stop()
	}
	if e.ended != nil {
		<-e.ended
	}
	if e.tracer != nil {
		e.tracer.Close()
	}
}
