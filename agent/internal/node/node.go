// Package node is the way of a sample through the agent: taken, added up, named, attributed, handed to delivery.
package node

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"brazier.dev/agent/internal/pprofile"
	"brazier.dev/agent/internal/sample"
)

// Verdict is what to do with the samples of a process.
type Verdict int

const (
	// Send them under the labels.
	Send Verdict = iota
	// Hold them for an interval: who the process belongs to is not known yet.
	Hold
	// Ignore them: somebody said that this process is not to be profiled.
	Ignore
)

// Attribution is what is done with the samples of a process, and under which labels.
type Attribution struct {
	Verdict Verdict
	Labels  map[string]string
	// Rate is how many samples a second of each CPU are wanted of it; 0 for as many as are taken.
	Rate float64
}

// Identity is what there is to know about a process when its samples are attributed; it may have ended since.
type Identity struct {
	PID            int
	Comm           string
	ExecutablePath string
	ContainerID    string
}

// Profile is a pprof of one service instance, ready to go.
type Profile struct {
	Labels   map[string]string
	Pprof    []byte
	Samples  int64
	From, To time.Time
	Kind     string
}

// Neighbours are the parts around the node.
type Neighbours struct {
	// Attribute says whose the samples of a process are. Last is set when it cannot be put off any more.
	Attribute func(process Identity, last bool) Attribution
	// Resolve names the frames of an interval.
	Resolve func(frames []sample.Frame) pprofile.Resolved
	// Offer hands over a profile and never blocks.
	Offer func(Profile)
	// Rate gives the samples per second of each CPU.
	Rate func() int
	Log  *slog.Logger
}

// Options of the node.
type Options struct {
	// Interval is the longest one; each is shortened by up to a third at random, so that a fleet does not push in step.
	Interval time.Duration
	// Labels are added to every profile.
	Labels map[string]string
	// Threads tells threads apart by a label of the sample.
	Threads bool
	Limits  pprofile.Limits
	// Now is [pprofile.Now] where nothing else is said.
	Now func() pprofile.Moment
}

// Counts of samples, for metrics: taken = offered + ignored + thinned + held + still in the interval.
type Counts struct {
	Taken, Offered, Ignored, Held, Overflowed int64
	// Thinned are those of workloads that a lower rate is wanted of; the ones that are kept stand for them.
	Thinned int64
}

// Node adds up the samples of the machine.
type Node struct {
	options    Options
	neighbours Neighbours
	aggregator *pprofile.Aggregator
	held       []heldInterval

	taken, offered, ignored, thinned, holding, overflowed atomic.Int64
}

// heldInterval is a finished interval of which some processes wait for their owner.
type heldInterval struct {
	interval *pprofile.Interval
	resolved pprofile.Resolved
}

// New makes a node that takes samples from now on.
func New(options Options, neighbours Neighbours) *Node {
	if options.Now == nil {
		options.Now = pprofile.Now
	}
	return &Node{
		options:    options,
		neighbours: neighbours,
		aggregator: pprofile.NewAggregator(options.Limits, options.Threads, options.Now()),
	}
}

// Take is the sink of a collector.
func (n *Node) Take(trace *sample.Trace) {
	n.taken.Add(1)
	n.aggregator.Add(trace)
}

// Counts gives what has become of the samples so far.
func (n *Node) Counts() Counts {
	return Counts{
		Taken: n.taken.Load(), Offered: n.offered.Load(), Ignored: n.ignored.Load(),
		Held: n.holding.Load(), Overflowed: n.overflowed.Load(), Thinned: n.thinned.Load(),
	}
}

// Run flushes interval after interval until the context ends. What is left is for Finish, after the collector has closed.
func (n *Node) Run(ctx context.Context) {
	for {
		timer := time.NewTimer(n.nextInterval())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			n.flush(false)
		}
	}
}

// Finish sends what is left, held or not.
func (n *Node) Finish() { n.flush(true) }

func (n *Node) nextInterval() time.Duration {
	third := n.options.Interval / 3
	return n.options.Interval - time.Duration(rand.Int64N(int64(third)+1))
}

func (n *Node) flush(last bool) {
	earlier := n.held
	n.held = nil
	for _, old := range earlier {
		n.send(old.interval, old.resolved, true)
	}
	interval := n.aggregator.Flush(n.options.Now())
	n.overflowed.Add(interval.Overflowed)
	if len(interval.Processes) == 0 {
		return
	}
	n.send(interval, n.neighbours.Resolve(interval.Frames), last)
}

// group is the profile of one label set and kind.
type group struct {
	labels  map[string]string
	builder *pprofile.Builder
	kind    pprofile.Type
}

func (n *Node) send(interval *pprofile.Interval, resolved pprofile.Resolved, last bool) {
	groups := map[string]*group{}
	var waiting []*pprofile.Process
	var waitingSamples int64
	for _, process := range interval.Processes {
		identity := Identity{
			PID: process.Key.PID, Comm: process.Comm, ExecutablePath: process.Key.ExecutablePath, ContainerID: process.Key.ContainerID,
		}
		whose := n.neighbours.Attribute(identity, last)
		switch {
		case whose.Verdict == Ignore:
			n.ignored.Add(process.Count)
			continue
		case whose.Verdict == Hold && !last:
			waiting = append(waiting, process)
			waitingSamples += process.Count
			continue
		}
		rate := n.rateOf(process, whose.Rate)
		kept := process.Thin(rate/n.rate(), rand.Float64)
		n.thinned.Add(process.Count - kept.Count)
		if kept.Count == 0 {
			continue
		}
		kind := pprofile.TypeOf(process.Key.Origin)
		key := kind.Name + "\x00" + labelKey(whose.Labels)
		g := groups[key]
		if g == nil {
			period := int64(float64(time.Second) / rate)
			g = &group{labels: whose.Labels, kind: kind, builder: pprofile.NewBuilder(kind, period, interval, resolved)}
			groups[key] = g
		}
		g.builder.Add(kept)
	}
	if len(waiting) > 0 {
		n.held = append(n.held, heldInterval{
			// A nanosecond later than the others: what is found to be of the same series as one of them would have its time, too, and a
			// server takes two profiles of one series and time for one that was sent twice.
			interval: &pprofile.Interval{From: interval.From.Add(time.Nanosecond), To: interval.To, Frames: interval.Frames, Processes: waiting},
			resolved: resolved,
		})
	}
	n.holding.Store(waitingSamples)
	for _, g := range groups {
		n.offer(g, interval)
	}
}

func (n *Node) offer(g *group, interval *pprofile.Interval) {
	bytes, err := g.builder.Bytes()
	if err != nil {
		n.neighbours.Log.Error("a profile could not be written", "error", err)
		return
	}
	labels := maps.Clone(g.labels)
	for name, value := range n.options.Labels {
		if _, taken := labels[name]; !taken {
			labels[name] = value
		}
	}
	n.offered.Add(g.builder.Count)
	n.neighbours.Offer(Profile{
		Labels: labels, Pprof: bytes, Samples: g.builder.Count, From: interval.From, To: interval.To, Kind: g.kind.Name,
	})
}

// rateOf is the rate wanted of a process, where it is below that of the machine. Waiting is no matter of a rate.
func (n *Node) rateOf(process *pprofile.Process, wanted float64) float64 {
	if wanted <= 0 || process.Key.Origin != sample.OnCPU {
		return n.rate()
	}
	return min(wanted, n.rate())
}

func (n *Node) rate() float64 { return float64(max(n.neighbours.Rate(), 1)) }

// labelKey is the same for equal label sets.
func labelKey(labels map[string]string) string {
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key.WriteString(name)
		key.WriteByte(0)
		key.WriteString(labels[name])
		key.WriteByte(0)
	}
	return key.String()
}
