package deliver

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a deliverer.
type Options struct {
	URL, Tenant string
	// Protocol is push (the default) or otlp.
	Protocol    string
	Credentials Credentials
	// Headers are added to every request.
	Headers map[string]string
	// QueueMax bounds what waits in memory, SpoolMax what waits in SpoolDir; without a directory nothing outlives the process.
	QueueMax, SpoolMax int64
	SpoolDir           string
	// AgeMax is how long a profile may wait: the server does not take older ones.
	AgeMax time.Duration
	// Timeout of one request; BackoffMin and BackoffMax are the pauses between tries.
	Timeout, BackoffMin, BackoffMax time.Duration
	UserAgent                       string
	Log                             *slog.Logger
	Now                             func() time.Time
}

// normalBatch is what one request carries: small enough for every default limit of a server.
var normalBatch = batchLimits{bytes: 1 << 20, profiles: 64}

// spoolAfter is how long a profile may wait in memory while requests go well.
const spoolAfter = 5 * time.Second

// Deliverer owns the queue and its one sender.
type Deliverer struct {
	options Options
	queue   *queue
	spool   *spool
	pusher  *pusher
	backoff backoff

	failing  atomic.Bool
	failed   atomic.Pointer[string]
	outcomes sync.Map // outcome → *atomic.Int64
	ended    chan struct{}
	stop     context.CancelFunc
}

// New opens the spool and takes in what an earlier process left there. Nothing is sent before Start.
func New(options Options) (*Deliverer, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	with, err := protocolOf(options.Protocol)
	if err != nil {
		return nil, err
	}
	transport, err := newReloadingTransport(options.Credentials)
	if err != nil {
		return nil, err
	}
	d := &Deliverer{options: options, ended: make(chan struct{})}
	token := &watchedFile{path: options.Credentials.TokenFile, now: options.Now}
	d.pusher = &pusher{
		with: with,
		url:  strings.TrimRight(options.URL, "/"), headers: options.Headers, tenant: options.Tenant, token: token.get,
		agent: options.UserAgent, now: options.Now,
		client: &http.Client{
			Transport: transport, Timeout: options.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	d.backoff = backoff{min: options.BackoffMin, max: options.BackoffMax, random: rand.Float64}
	remove := func([]string) {}
	var files []spooledFile
	if options.SpoolDir != "" {
		if d.spool, files, err = openSpool(options.SpoolDir, options.Log); err != nil {
			return nil, err
		}
		remove = d.spool.remove
	}
	d.queue = newQueue(options.QueueMax, options.SpoolMax, options.Now, remove)
	for _, file := range files {
		age := max(options.Now().Sub(file.written), 0)
		d.queue.restore(file.name, file.seq, file.samples, file.size, options.Now().Add(-age))
	}
	return d, nil
}

// Offer takes a profile and returns at once.
func (d *Deliverer) Offer(upload Upload) {
	if upload.ID == "" {
		upload.ID = newID()
	}
	d.queue.offer(&upload)
}

// Start begins to send, until Close.
func (d *Deliverer) Start() {
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	var loops sync.WaitGroup
	loops.Go(func() { d.send(ctx) })
	if d.spool != nil {
		loops.Go(func() { d.keepSpooling(ctx) })
	}
	go func() {
		loops.Wait()
		close(d.ended)
	}()
}

// Ledger says what became of everything.
func (d *Deliverer) Ledger() Ledger { return d.queue.snapshot() }

// Problem is what keeps profiles from being delivered, empty when the last request went well.
func (d *Deliverer) Problem() string {
	if problem := d.failed.Load(); problem != nil {
		return *problem
	}
	return ""
}

// Outcomes counts requests by what came of them.
func (d *Deliverer) Outcomes() map[string]int64 {
	counts := map[string]int64{}
	d.outcomes.Range(func(outcome, count any) bool {
		counts[outcome.(string)] = count.(*atomic.Int64).Load()
		return true
	})
	return counts
}

func (d *Deliverer) send(ctx context.Context) {
	// oneByOne is how many profiles are still to be sent alone, after a batch was refused: one of them spoiled it for the others.
	oneByOne := 0
	for {
		limits := normalBatch
		if oneByOne > 0 || d.pusher.with.alone {
			limits.profiles = 1
		}
		changed := d.queue.wait()
		batch := d.queue.take(limits, d.options.AgeMax)
		if len(batch) == 0 {
			oneByOne = 0
			select {
			case <-ctx.Done():
				return
			case <-changed:
				continue
			}
		}
		oneByOne -= len(batch)
		result := d.try(ctx, batch)
		switch {
		case result.verdict == verdictDelivered:
			d.backoff.reset()
			continue
		case result.tooMuch && len(batch) > 1, result.verdict == verdictRefused && len(batch) > 1:
			oneByOne = len(batch)
			if result.verdict == verdictRefused {
				continue
			}
		case result.verdict == verdictRefused:
			continue
		}
		pause := time.NewTimer(d.backoff.next(result.retryAfter))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// try sends a batch and settles it.
func (d *Deliverer) try(ctx context.Context, batch []parcel) answer {
	uploads, batch := d.load(batch)
	if len(batch) == 0 {
		return answer{verdict: verdictDelivered}
	}
	result := d.pusher.push(ctx, uploads)
	d.count(result.outcome)
	switch {
	case result.verdict == verdictDelivered:
		d.queue.settle(batch, true, "")
		d.recovered()
	case result.verdict == verdictRefused && len(batch) == 1:
		reason := DropRefused
		if result.outcome == "unsendable" {
			reason = DropUnsendable
		}
		d.queue.settle(batch, false, reason)
		d.options.Log.Warn("the server refuses a profile; it is dropped", "service", uploads[0].Labels["service_name"], "error", result.problem)
	default:
		d.queue.settle(batch, false, "")
		if result.verdict == verdictRetry && ctx.Err() == nil {
			d.fails(result)
		}
	}
	return result
}

// load reads what is only in files. Files that cannot be read are dropped.
func (d *Deliverer) load(batch []parcel) ([]*Upload, []parcel) {
	var uploads []*Upload
	var kept []parcel
	for _, p := range batch {
		if p.upload == nil {
			upload, err := d.spool.read(p.file)
			if err != nil {
				d.options.Log.Warn("a file of the spool cannot be read; it is dropped", "file", p.file, "error", err)
				d.queue.settle([]parcel{p}, false, DropDamaged)
				continue
			}
			p.upload = upload
		}
		uploads = append(uploads, p.upload)
		kept = append(kept, p)
	}
	return uploads, kept
}

func (d *Deliverer) count(outcome string) {
	count, _ := d.outcomes.LoadOrStore(outcome, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
}

// fails says what is wrong once, not at every try.
func (d *Deliverer) fails(result answer) {
	d.failed.Store(&result.problem)
	if !d.failing.Swap(true) {
		d.options.Log.Warn("profiles cannot be delivered and wait", "outcome", result.outcome, "error", result.problem)
	}
	d.queue.mutex.Lock()
	d.queue.signal() // the spool takes over what waits in memory
	d.queue.mutex.Unlock()
}

func (d *Deliverer) recovered() {
	d.failed.Store(nil)
	if d.failing.Swap(false) {
		d.options.Log.Info("profiles are delivered again")
	}
}

// keepSpooling moves what waits too long into files.
func (d *Deliverer) keepSpooling(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		changed := d.queue.wait()
		d.spoolWaiting(func(e *entry) bool { return d.failing.Load() || d.options.Now().Sub(e.offered) > spoolAfter })
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-changed:
		}
	}
}

func (d *Deliverer) spoolWaiting(due func(*entry) bool) {
	for {
		e := d.queue.oldestInMemory()
		if e == nil || !due(e) {
			return
		}
		upload := d.queue.uploadOf(e)
		if upload == nil {
			continue
		}
		name, size, err := d.spool.write(e.seq, upload)
		if err != nil {
			d.options.Log.Warn("a profile cannot be spooled and stays in memory", "error", err)
			return
		}
		if !d.queue.spooled(e, name, size) {
			d.spool.remove([]string{name})
		}
	}
}

// Close sends what waits until the context ends; what is left then stays in the spool, or is dropped.
func (d *Deliverer) Close(ctx context.Context) {
	d.queue.close()
	for {
		changed := d.queue.wait()
		if d.queue.snapshot().Waiting.Profiles == 0 || d.failing.Load() && ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-changed:
			continue
		}
		break
	}
	d.stop()
	<-d.ended
	if d.spool != nil {
		d.spoolWaiting(func(*entry) bool { return true })
		d.spool.close()
	}
	d.queue.dropInMemory(DropShutdown)
}
