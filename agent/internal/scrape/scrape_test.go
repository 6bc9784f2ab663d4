package scrape

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"brazier.dev/agent/internal/attribute"
	"brazier.dev/agent/internal/deliver"
)

func annotated(annotations map[string]string, ports ...attribute.Port) attribute.Pod {
	pod := attribute.Pod{
		Namespace: "prod", Name: "shop-1", UID: "u1", IP: "10.0.0.7", Running: true, Settled: true, Annotations: map[string]string{},
		Containers: []attribute.Container{{Name: "sidecar", ID: "s"}, {Name: "main", ID: "m", Ports: ports}},
	}
	for name, value := range annotations {
		pod.Annotations[annotationPrefix+name] = value
	}
	return pod
}

func TestAnnotationsBecomeTargets(t *testing.T) {
	http1, debug := attribute.Port{Name: "http", Number: 8080}, attribute.Port{Name: "debug", Number: 6060}
	for name, test := range map[string]struct {
		annotations map[string]string
		ports       []attribute.Port
		urls        string
		fault       string
	}{
		"nothing asked":          {nil, []attribute.Port{http1}, "", ""},
		"not wanted":             {map[string]string{"cpu.scrape": "false", "cpu.port": "1"}, nil, "", ""},
		"by number":              {map[string]string{"cpu.scrape": "true", "cpu.port": "6060"}, []attribute.Port{http1, debug}, "http://10.0.0.7:6060/debug/pprof/profile", ""},
		"by name":                {map[string]string{"memory.scrape": "true", "memory.port_name": "debug"}, []attribute.Port{http1, debug}, "http://10.0.0.7:6060/debug/pprof/allocs", ""},
		"the only port":          {map[string]string{"goroutine.scrape": "true"}, []attribute.Port{debug}, "http://10.0.0.7:6060/debug/pprof/goroutine", ""},
		"not declared":           {map[string]string{"block.scrape": "true", "block.port": "7070"}, nil, "http://10.0.0.7:7070/debug/pprof/block", ""},
		"scheme and path":        {map[string]string{"mutex.scrape": "true", "mutex.port": "6060", "mutex.scheme": "https", "mutex.path": "/p/mutex"}, nil, "https://10.0.0.7:6060/p/mutex", ""},
		"two ports, none said":   {map[string]string{"cpu.scrape": "true"}, []attribute.Port{http1, debug}, "", "has 2 ports"},
		"no such name":           {map[string]string{"cpu.scrape": "true", "cpu.port_name": "x"}, []attribute.Port{http1}, "", `named "x"`},
		"no port at all":         {map[string]string{"cpu.scrape": "true", "cpu.port": "70000"}, nil, "", "not from 1 to 65535"},
		"another scheme":         {map[string]string{"cpu.scrape": "true", "cpu.port": "1", "cpu.scheme": "file"}, nil, "", "neither http nor https"},
		"a path that leads away": {map[string]string{"cpu.scrape": "true", "cpu.port": "1", "cpu.path": "@elsewhere"}, nil, "", "does not begin with /"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := annotated(test.annotations, test.ports...)
			targets, faults := targetsOf(&pod)
			var urls []string
			for _, target := range targets {
				urls = append(urls, target.url)
			}
			if strings.Join(urls, " ") != test.urls || (test.fault == "") != (len(faults) == 0) || !strings.Contains(strings.Join(faults, ""), test.fault) {
				t.Errorf("got %v, faults %v", urls, faults)
			}
		})
	}
	gone := annotated(map[string]string{"cpu.scrape": "true", "cpu.port": "1"})
	gone.Running = false
	if targets, _ := targetsOf(&gone); len(targets) != 0 {
		t.Error("a pod that does not run is not scraped")
	}
}

// heap makes a profile of stacks with the values of alloc_objects, alloc_space and inuse_space.
func heap(stacks map[string][3]int64) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_space", Unit: "bytes"}}}
	id := uint64(0)
	for name, values := range stacks {
		id++
		function := &profile.Function{ID: id, Name: name}
		location := &profile.Location{ID: id, Line: []profile.Line{{Function: function, Line: 1}}}
		p.Function = append(p.Function, function)
		p.Location = append(p.Location, location)
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{location}, Value: slices.Clone(values[:])})
	}
	return p
}

func valuesOf(p *profile.Profile) map[string][3]int64 {
	values := map[string][3]int64{}
	for _, sample := range p.Sample {
		values[sample.Location[0].Line[0].Function.Name] = [3]int64(sample.Value)
	}
	return values
}

func TestCountersBecomeGrowth(t *testing.T) {
	d := &delta{cumulative: kindOf("memory").cumulative}
	type values = map[string][3]int64
	step := func(stacks values, first bool, want values) {
		t.Helper()
		p := heap(stacks)
		if sends := d.apply(p); sends == first {
			t.Fatalf("sends: %v", sends)
		}
		if got := valuesOf(p); !first && !mapsEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	step(values{"a": {10, 100, 50}, "b": {1, 10, 0}}, true, nil)
	// Growth of what is cumulative; what is in use as it is; nothing of what neither grew nor is in use.
	step(values{"a": {12, 130, 40}, "b": {1, 10, 0}, "c": {3, 30, 30}}, false, values{"a": {2, 30, 40}, "c": {3, 30, 30}})
	// Scaling of sampled counters may let one of them fall a little.
	step(values{"a": {11, 125, 40}, "b": {1, 10, 0}, "c": {9, 90, 0}}, false, values{"a": {0, 0, 40}, "c": {6, 60, 0}})
	// The program has started again: all of it is new.
	step(values{"a": {2, 20, 20}}, false, values{"a": {2, 20, 20}})
	step(values{"a": {3, 30, 20}}, false, values{"a": {1, 10, 20}})
}

func mapsEqual(a, b map[string][3]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			return false
		}
	}
	return true
}

// collected is where a scraper's uploads end.
type collected struct {
	mutex   sync.Mutex
	uploads []deliver.Upload
}

func (c *collected) offer(upload deliver.Upload) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.uploads = append(c.uploads, upload)
}

func (c *collected) of(kind string) []deliver.Upload {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(c.uploads), func(upload deliver.Upload) bool { return upload.Kind != kind })
}

// scraping starts a scraper of one pod behind an HTTP server.
func scraping(t *testing.T, server *httptest.Server, wanted ...string) (*Scraper, *collected) {
	t.Helper()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(address.Host)
	if err != nil {
		t.Fatal(err)
	}
	annotations := map[string]string{}
	for _, kind := range wanted {
		annotations[kind+".scrape"], annotations[kind+".port"] = "true", port
	}
	pod := annotated(annotations)
	pod.IP = host
	got := &collected{}
	resolver := &attribute.Resolver{}
	scraper := New(Options{
		Pods: func() []attribute.Pod { return []attribute.Pod{pod} }, Labels: resolver.ResolvePod, Offer: got.offer,
		Interval: 2 * time.Second, UserAgent: "test", Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); scraper.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return scraper, got
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

var kept [][]byte

//go:noinline
func allocateABit() { kept = append(kept[:len(kept):len(kept)], make([]byte, 1<<20)) }

//go:noinline
func waitForALock(lock *sync.Mutex) {
	lock.Lock()
	lock.Unlock() //nolint:staticcheck // waiting for it is the point
}

//go:noinline
func spin(until *atomic.Bool) (turns int) {
	for !until.Load() {
		turns++
	}
	return turns
}

// The program that is scraped is this one, with Go's own handlers.
func TestAGoProgramIsScraped(t *testing.T) {
	oldRate := runtime.MemProfileRate
	runtime.MemProfileRate = 4096
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	t.Cleanup(func() {
		runtime.MemProfileRate = oldRate
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
		kept = nil
	})

	var ended atomic.Bool
	var work sync.WaitGroup
	work.Go(func() { spin(&ended) })
	work.Go(func() {
		for !ended.Load() {
			if len(kept) > 64 {
				kept = nil
			}
			allocateABit()
			var lock sync.Mutex
			lock.Lock()
			var waiting sync.WaitGroup
			waiting.Go(func() { waitForALock(&lock) })
			time.Sleep(2 * time.Millisecond) // the time that the other waits
			lock.Unlock()
			waiting.Wait()
		}
	})
	t.Cleanup(func() { ended.Store(true); work.Wait() })

	server := httptest.NewServer(http.DefaultServeMux)
	t.Cleanup(server.Close)
	scraper, got := scraping(t, server, "cpu", "memory", "goroutine", "mutex", "block")
	for kind, want := range map[string]struct{ sampleType, function string }{
		"process_cpu": {"cpu", "scrape.spin"}, "memory": {"alloc_space", "scrape.allocateABit"}, "goroutine": {"goroutine", "scrape.spin"},
		"mutex": {"delay", "scrape."}, "block": {"delay", "scrape.waitForALock"},
	} {
		eventually(t, kind+" with "+want.function, func() bool {
			return slices.ContainsFunc(got.of(kind), func(upload deliver.Upload) bool { return has(t, upload, want.sampleType, want.function) })
		})
	}
	upload := got.of("memory")[0]
	if upload.Labels["namespace"] != "prod" || upload.Labels["service_name"] != "prod/sidecar" || upload.Labels["source"] != "scrape" || upload.Samples == 0 {
		t.Errorf("got %v", upload.Labels)
	}
	counts := scraper.Counts()
	for _, kind := range []string{"memory", "mutex", "block"} {
		if counts[Outcome{kind, "base"}] != 1 {
			t.Errorf("%s: the first scrape is the base and only that, got %v", kind, counts)
		}
	}
}

// has tells whether a profile has a value of a type in a function whose name contains the text.
func has(t *testing.T, upload deliver.Upload, sampleType, function string) bool {
	t.Helper()
	p, err := profile.Parse(bytes.NewReader(upload.Pprof))
	if err != nil {
		t.Fatal(err)
	}
	column := slices.IndexFunc(p.SampleType, func(v *profile.ValueType) bool { return v.Type == sampleType })
	if column < 0 {
		return false
	}
	for _, sample := range p.Sample {
		for _, location := range sample.Location {
			for _, line := range location.Line {
				if sample.Value[column] > 0 && strings.Contains(line.Function.Name, function) {
					return true
				}
			}
		}
	}
	return false
}

func TestProgramsThatAnswerBadly(t *testing.T) {
	elsewhere := atomic.Bool{}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Store(true) }))
	t.Cleanup(other.Close)
	var way atomic.Int32
	answers := []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(1<<20))
			_, _ = w.Write([]byte{0x1f, 0x8b})
		},
		func(w http.ResponseWriter, _ *http.Request) {
			block := make([]byte, 1<<20)
			for range 20 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := int(way.Add(1)) - 1; at < len(answers) {
			answers[at](w, r)
			return
		}
		_ = heap(map[string][3]int64{"a": {1, 1, 1}}).Write(w)
	}))
	t.Cleanup(server.Close)
	scraper, got := scraping(t, server, "goroutine")
	eventually(t, "a good answer after the bad ones", func() bool { return len(got.of("goroutine")) > 0 })
	if failed := scraper.Counts()[Outcome{"goroutine", "failed"}]; failed != int64(len(answers)) {
		t.Errorf("%d scrapes failed, want %d", failed, len(answers))
	}
	if elsewhere.Load() {
		t.Error("a redirect was followed")
	}
}
