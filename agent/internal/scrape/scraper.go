package scrape

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/pprof/profile"

	"brazier.dev/agent/internal/attribute"
	"brazier.dev/agent/internal/deliver"
)

// Options of a scraper.
type Options struct {
	// Pods of the node, asked now and then.
	Pods func() []attribute.Pod
	// Labels of a pod's container, and whether it is to be profiled.
	Labels func(pod *attribute.Pod, container attribute.Container) (map[string]string, bool)
	// Offer takes what was scraped and never blocks.
	Offer     func(deliver.Upload)
	Interval  time.Duration
	UserAgent string
	Log       *slog.Logger
}

// Scraper runs one loop for each target.
type Scraper struct {
	options Options
	client  *http.Client
	// parsing lets one profile at a time be taken apart: a parsed profile is many times its size.
	parsing sync.Mutex

	mutex  sync.Mutex
	loops  map[target]*loop
	faults map[string]bool
	counts map[Outcome]int64
}

// Outcome of scrapes of one kind: ok, base (the first of a cumulative profile), empty, failed.
type Outcome struct{ Kind, Outcome string }

type loop struct {
	stop context.CancelFunc
	// What the labels are made from; replaced when the pod changes.
	pod attribute.Pod
}

// New makes a scraper.
func New(options Options) *Scraper {
	return &Scraper{options: options, client: newClient(), loops: map[target]*loop{}, faults: map[string]bool{}, counts: map[Outcome]int64{}}
}

// lookEvery is how often pods are looked at: the watch has them at once, scraping can wait.
const lookEvery = 5 * time.Second

// Run follows the pods until the context ends.
func (s *Scraper) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	tick := time.NewTicker(min(lookEvery, s.options.Interval))
	defer tick.Stop()
	for {
		s.follow(ctx, &loops)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Counts gives what came of the scrapes.
func (s *Scraper) Counts() map[Outcome]int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	counts := make(map[Outcome]int64, len(s.counts))
	for outcome, count := range s.counts {
		counts[outcome] = count
	}
	return counts
}

// Targets tells how many addresses are scraped.
func (s *Scraper) Targets() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.loops)
}

// follow starts loops for new targets and ends those of targets that are gone.
func (s *Scraper) follow(ctx context.Context, loops *sync.WaitGroup) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	wanted := map[target]bool{}
	for _, pod := range s.options.Pods() {
		if !pod.Settled {
			continue // its labels are still to change
		}
		targets, faults := targetsOf(&pod)
		for _, fault := range faults {
			if key := pod.UID + fault; !s.faults[key] {
				s.faults[key] = true
				s.options.Log.Warn("a pod asks to be scraped in a way that does not work", "namespace", pod.Namespace, "pod", pod.Name, "problem", fault)
			}
		}
		for _, t := range targets {
			wanted[t] = true
			if running := s.loops[t]; running != nil {
				running.pod = pod
				continue
			}
			inner, stop := context.WithCancel(ctx)
			running := &loop{stop: stop, pod: pod}
			s.loops[t] = running
			loops.Go(func() { s.scrapeAgain(inner, t, running) })
		}
	}
	for t, running := range s.loops {
		if !wanted[t] {
			running.stop()
			delete(s.loops, t)
		}
	}
	if len(s.faults) > 10_000 {
		clear(s.faults)
	}
}

// scrapeAgain scrapes one target until its context ends, beginning at a random time of the interval.
func (s *Scraper) scrapeAgain(ctx context.Context, t target, running *loop) {
	k := kindOf(t.annotation)
	growth := &delta{cumulative: k.cumulative}
	next := time.Now().Add(time.Duration(rand.Int64N(int64(s.options.Interval))))
	failing := false
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		next = next.Add(s.options.Interval)
		if late := time.Now(); next.Before(late) {
			next = late.Add(s.options.Interval)
		}
		pod := s.podOf(running)
		outcome, err := s.scrape(ctx, t, k, growth, pod)
		if ctx.Err() != nil {
			return
		}
		s.count(k, outcome)
		if (err != nil) != failing {
			failing = err != nil
			if failing {
				s.options.Log.Warn("a pod cannot be scraped", "namespace", pod.Namespace, "pod", pod.Name, "kind", k.annotation, "url", t.url, "error", err)
			} else {
				s.options.Log.Info("a pod is scraped again", "namespace", pod.Namespace, "pod", pod.Name, "kind", k.annotation)
			}
		}
	}
}

func (s *Scraper) podOf(running *loop) attribute.Pod {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return running.pod
}

func (s *Scraper) count(k kind, outcome string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts[Outcome{k.annotation, outcome}]++
}

func (s *Scraper) scrape(ctx context.Context, t target, k kind, growth *delta, pod attribute.Pod) (string, error) {
	labels, wanted := s.options.Labels(&pod, containerOf(&pod, t.container))
	if !wanted {
		return "ignored", nil
	}
	record := time.Duration(0)
	if k.timed {
		// A second less than the interval, so that one recording has ended when the next begins.
		record = max(time.Second, s.options.Interval-time.Second)
	}
	from := time.Now()
	p, err := fetch(ctx, s.client, t.url, s.options.UserAgent, record)
	if err != nil {
		return "failed", err
	}
	s.parsing.Lock()
	defer s.parsing.Unlock()
	if !growth.apply(p) {
		return "base", nil
	}
	if len(p.Sample) == 0 {
		return "empty", nil
	}
	body, err := write(p, from)
	if err != nil {
		return "failed", err
	}
	labels["source"] = "scrape"
	s.options.Offer(deliver.Upload{
		Labels: labels, Pprof: body, Samples: int64(len(p.Sample)), From: from, To: time.Now(), Kind: k.name,
	})
	return "ok", nil
}

func write(p *profile.Profile, from time.Time) ([]byte, error) {
	if p.TimeNanos == 0 {
		p.TimeNanos = from.UnixNano()
	}
	var body bytes.Buffer
	if err := p.Compact().Write(&body); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

func containerOf(pod *attribute.Pod, name string) attribute.Container {
	for _, container := range pod.Containers {
		if container.Name == name {
			return container
		}
	}
	return attribute.Container{}
}
