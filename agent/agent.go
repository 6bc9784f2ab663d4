package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"brazier.dev/agent/internal/attribute"
	"brazier.dev/agent/internal/budget"
	"brazier.dev/agent/internal/collect"
	"brazier.dev/agent/internal/config"
	"brazier.dev/agent/internal/debuginfo"
	"brazier.dev/agent/internal/deliver"
	"brazier.dev/agent/internal/kube"
	"brazier.dev/agent/internal/node"
	"brazier.dev/agent/internal/perfevent"
	"brazier.dev/agent/internal/pprofile"
	"brazier.dev/agent/internal/sample"
	"brazier.dev/agent/internal/scrape"
	"brazier.dev/agent/internal/selfcheck"
	"brazier.dev/agent/internal/serve"
	"brazier.dev/agent/internal/symbolize"
)

// agent is the parts of a running agent, from the sample to the server.
type agent struct {
	settings *config.Config
	log      *slog.Logger
	began    time.Time

	symbols   *symbolize.Symbolizer
	check     *selfcheck.Check
	watcher   *attribute.Watcher
	resolver  *attribute.Resolver
	pods      *kube.Watcher
	nodeName  string
	scraper   atomic.Pointer[scrape.Scraper]
	deliverer *deliver.Deliverer
	node      *node.Node
	// uploader is nil unless symbols are to be sent to the server.
	uploader *debuginfo.Uploader
	// collector is set when stacks are being taken.
	collector atomic.Pointer[collect.Collector]
	mu        sync.Mutex
	refusals  []collect.Refusal
	startedIn time.Duration

	usage      atomic.Pointer[usage]
	pprofBytes atomic.Int64
}

// usage is what the budget last saw and decided.
type usage struct {
	cpu      float64
	memory   int64
	decision budget.Decision
}

// profile runs until the context ends, and then sends what is left.
func profile(ctx context.Context, settings *config.Config, log *slog.Logger) error {
	a := &agent{settings: settings, log: log, began: time.Now()}
	log.Info("starting", "version", version, "settings", settings.Lines())
	memoryMax := a.limitMemory()
	if err := a.assemble(); err != nil {
		return err
	}
	if settings.HTTPAddress != "" {
		server, err := serve.Listen(settings.HTTPAddress, a.ready, a.live, a.metrics)
		if err != nil {
			return err
		}
		defer server.Close()
	}
	collector, err := a.startCollector(ctx)
	if err != nil {
		return err
	}
	a.deliverer.Start()

	stopped := make(chan struct{})
	inner, stop := context.WithCancel(ctx)
	defer stop()
	a.followCluster(inner)
	go func() {
		defer close(stopped)
		a.node.Run(inner)
	}()
	if a.uploader != nil {
		go a.uploader.Run(inner)
	}
	go a.keepBudget(inner, collector, memoryMax)

	var fault error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case <-collector.Done():
		fault = errors.New("the profiler has ended by itself")
	}
	stop()
	collector.Close()
	<-stopped
	a.node.Finish()
	wait, cancel := context.WithTimeout(context.Background(), settings.StopWait)
	defer cancel()
	a.deliverer.Close(wait)
	ledger := a.deliverer.Ledger()
	log.Info("stopped", "samples_taken", a.node.Counts().Taken, "samples_delivered", ledger.Delivered.Samples, "samples_waiting", ledger.Waiting.Samples)
	return fault
}

// assemble makes the parts that touch nothing but files.
func (a *agent) assemble() error {
	s := a.settings
	limits := symbolize.DefaultLimits
	limits.Tables, limits.Lines = int64(s.SymbolTablesMax), int64(s.SymbolLinesMax)
	a.symbols = symbolize.New(limits, a.log, time.Now)
	a.check = selfcheck.New(time.Now, selfcheck.IsKernelTask)
	a.watcher = attribute.NewWatcher(attribute.ReadCgroup, selfcheck.IsKernelTask)
	if err := a.assembleAttribution(); err != nil {
		return err
	}
	options := deliver.Options{
		URL: s.URL, Protocol: s.Protocol, Tenant: s.Tenant, Headers: s.Headers,
		Credentials: deliver.Credentials{TokenFile: s.TokenFile, CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile},
		QueueMax:    int64(s.QueueMax), SpoolMax: int64(s.SpoolMax), SpoolDir: s.SpoolDir,
		AgeMax: s.AgeMax, Timeout: s.Timeout, BackoffMin: s.BackoffMin, BackoffMax: s.BackoffMax,
		UserAgent: "brazier-agent/" + version, Log: a.log,
	}
	var err error
	if a.deliverer, err = deliver.New(options); err != nil {
		return err
	}
	if s.DebuginfoUpload {
		door, err := deliver.NewDoor(options, uploadTimeout)
		if err != nil {
			return err
		}
		a.uploader = debuginfo.New(door, a.log)
		a.symbols.Loaded = a.uploader.Offer
	}
	a.node = node.New(
		node.Options{Interval: s.Interval, Labels: a.ownLabels(), Threads: s.Threads, Limits: pprofile.DefaultLimits},
		node.Neighbours{Attribute: a.attribute, Resolve: a.resolve, Offer: a.offer, Rate: a.rate, Log: a.log},
	)
	return nil
}

// uploadTimeout is what the server gives an upload of symbols.
const uploadTimeout = 2 * time.Minute

// startCollector takes the first way that the machine allows, and says why it is not the one before.
func (a *agent) startCollector(ctx context.Context) (collect.Collector, error) {
	makers := map[string][]collect.Maker{
		"auto": {collect.EBPF, perfevent.New}, "ebpf": {collect.EBPF}, "perf_event": {perfevent.New},
	}[a.settings.Collector]
	options := collect.Options{
		Rate: a.settings.Rate, OffCPU: a.settings.OffCPU, Threads: a.settings.Threads, Log: a.log, Sink: a.take, Seen: a.seen, Refused: a.refused,
	}
	collector, refusals, err := collect.Choose(ctx, options, makers...)
	for _, refusal := range refusals {
		a.refused(refusal)
	}
	if err != nil {
		return nil, err
	}
	a.startedIn = time.Since(a.began)
	a.collector.Store(&collector)
	a.log.Info("taking stacks", "collector", collector.Name(), "rate_hz", collector.Rate(), "after_ms", a.startedIn.Milliseconds())
	return collector, nil
}

// refused keeps for the metrics what the machine does not allow.
func (a *agent) refused(refusal collect.Refusal) {
	a.log.Warn("a way to take stacks is refused", "collector", refusal.Collector, "reason", refusal.Reason, "error", refusal.Err.Error())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals = append(a.refusals, refusal)
}

// take is the way of every sample; the collector may call it before it has been stored.
func (a *agent) take(trace *sample.Trace) {
	a.check.Observe(trace)
	a.watcher.Observe(trace)
	a.node.Take(trace)
}

func (a *agent) seen(e collect.Executable) {
	a.symbols.Seen(symbolize.Source{
		Mapping: e.Mapping, PID: e.PID, DebugLink: e.DebugLink,
		Open: func() (symbolize.File, error) { return e.Open() },
	})
}

func (a *agent) resolve(frames []sample.Frame) pprofile.Resolved {
	return a.symbols.Resolve(frames)
}

func (a *agent) rate() int {
	if collector := a.collector.Load(); collector != nil {
		return (*collector).Rate()
	}
	return a.settings.Rate
}

func (a *agent) attribute(identity node.Identity, last bool) node.Attribution {
	process := a.watcher.Find(identity.PID, identity.ExecutablePath)
	if process.ContainerID == "" {
		process.ContainerID = identity.ContainerID
	}
	resolution := a.resolver.Resolve(process, last)
	switch resolution.Verdict {
	case attribute.Hold:
		return node.Attribution{Verdict: node.Hold}
	case attribute.Ignore:
		return node.Attribution{Verdict: node.Ignore}
	}
	if collector := a.collector.Load(); collector != nil && (*collector).Name() == "perf_event" {
		resolution.Labels["unwinder"] = "fp" // frame pointers alone: a reader should know why stacks are short
	}
	return node.Attribution{Verdict: node.Send, Labels: resolution.Labels, Rate: resolution.Rate}
}

func (a *agent) offer(p node.Profile) {
	a.pprofBytes.Add(int64(len(p.Pprof)))
	a.deliverer.Offer(deliver.Upload{Labels: p.Labels, Pprof: p.Pprof, Samples: p.Samples, From: p.From, To: p.To, Kind: p.Kind})
}

// ready says whether stacks are being taken and mean something.
func (a *agent) ready() error {
	if a.collector.Load() == nil {
		return errors.New("the profiler is being loaded")
	}
	if verdict := a.check.Verdict(); !verdict.Healthy {
		return errors.New(verdict.Reason)
	}
	return nil
}

// live says whether a restart would help: only when the profiler has ended.
func (a *agent) live() error {
	if collector := a.collector.Load(); collector != nil {
		select {
		case <-(*collector).Done():
			return errors.New("the profiler has ended")
		default:
		}
	}
	return nil
}

// mapsBytes is what the profiler's tables take beside the process's own memory; a container's limit counts them.
const mapsBytes = 48 << 20

const (
	gcPercent = 50
	// heapUsual is where Go begins to save memory when nobody has set a limit. Learning a machine with large programs takes 100 MB for
	// some seconds.
	heapUsual = 160 << 20
)

// limitMemory tells Go how much memory there is, and gives the limit of resident memory for the budget, 0 for none.
func (a *agent) limitMemory() int64 {
	limit := int64(a.settings.MemoryMax)
	if limit == 0 {
		container, err := budget.ContainerLimit("/proc/self/cgroup", "/sys/fs/cgroup")
		if err != nil {
			a.log.Debug("the container's memory limit is not known", "error", err)
		}
		limit = max(container-mapsBytes, 0)
	}
	// The agent lives beside what people run the machine for: it collects its garbage sooner than Go would.
	debug.SetGCPercent(gcPercent)
	switch {
	case debug.SetMemoryLimit(-1) != math.MaxInt64: // GOMEMLIMIT is set: somebody knows better
	case limit == 0:
		debug.SetMemoryLimit(heapUsual)
	default:
		debug.SetMemoryLimit(limit * 85 / 100)
	}
	return limit
}

// perSample is the time that the kernel spends on a sample, in the time of the process that is sampled.
const perSample = 34 * time.Microsecond

// keepBudget measures the agent, and lowers and raises its rate.
func (a *agent) keepBudget(ctx context.Context, collector collect.Collector, memoryMax int64) {
	governor := budget.NewGovernor(budget.Limits{CPU: a.settings.CPUMax, Memory: memoryMax, Rate: a.settings.Rate, RateMin: 1})
	meter := budget.NewMeter(time.Now())
	taken := a.node.Counts().Taken
	tick := time.NewTicker(a.settings.BudgetEvery)
	defer tick.Stop()
	turned := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := a.node.Counts().Taken
		used := meter.Measure(time.Now(), time.Duration(now-taken)*perSample)
		taken = now
		decision := governor.Observe(used)
		a.usage.Store(&usage{cpu: governor.CPU(), memory: used.Memory, decision: decision})
		if decision.Shed {
			a.symbols.Shed()
			debug.FreeOSMemory()
		}
		if decision.Changed {
			a.changeRate(collector, decision, used)
		}
		if time.Since(turned) > time.Minute {
			turned = time.Now()
			a.watcher.Turn()
			debug.FreeOSMemory() // what learning a program took is not needed again
		}
	}
}

func (a *agent) changeRate(collector collect.Collector, decision budget.Decision, used budget.Usage) {
	before := collector.Rate()
	if err := collector.SetRate(decision.Rate); err != nil {
		a.log.Warn("the rate cannot be changed", "error", err)
		return
	}
	message := "the rate is raised again"
	if decision.Rate < before {
		message = "the rate is lowered to stay within the budget"
	}
	a.log.Info(message, "rate_hz", decision.Rate, "wanted_hz", a.settings.Rate, "reason", decision.Reason,
		"cpu_cores", fmt.Sprintf("%.3f", used.CPU), "cpu_max", a.settings.CPUMax, "resident_mib", used.Memory>>20)
}
