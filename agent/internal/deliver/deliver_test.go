package deliver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server whose answers the test decides, and that remembers which profiles it has said yes to.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(body string) (status int, header http.Header)
	taken  map[string]int
	calls  int
	seen   []http.Header
}

func newServer(t *testing.T, answer func(body string) (int, http.Header)) *server {
	s := &server{answer: answer, taken: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls++
		s.seen = append(s.seen, r.Header.Clone())
		status, header := s.answer(string(raw))
		if header.Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/proto")
		}
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		if status == http.StatusOK && header.Get("Content-Type") == "" {
			for _, part := range strings.Split(string(raw), "profile-")[1:] {
				s.taken[part[:3]]++
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) count() (profiles, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken), s.calls
}

func (s *server) answers(answer func(body string) (int, http.Header)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func always(status int) func(string) (int, http.Header) {
	return func(string) (int, http.Header) { return status, http.Header{} }
}

func upload(i int) Upload {
	return Upload{
		Labels: map[string]string{"service_name": "shop"}, Pprof: []byte(fmt.Sprintf("profile-%03d", i)), Samples: int64(i + 1),
		From: time.Unix(1, 0), To: time.Unix(2, 0), Kind: "process_cpu",
	}
}

func newDeliverer(t *testing.T, url string, change func(*Options)) *Deliverer {
	t.Helper()
	options := Options{
		URL: url, Tenant: "team", QueueMax: 1 << 20, SpoolMax: 1 << 20, AgeMax: time.Hour, Timeout: 5 * time.Second,
		BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond, UserAgent: "test", Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&options)
	}
	d, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func eventually(t *testing.T, d *Deliverer, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if ledger := d.Ledger(); !ledger.Balanced() {
			t.Fatalf("the books do not balance: %+v", ledger)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come: %+v", what, d.Ledger())
		}
	}
}

func finish(t *testing.T, d *Deliverer) Ledger {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	d.Close(ctx)
	ledger := d.Ledger()
	if !ledger.Balanced() {
		t.Errorf("the books do not balance: %+v", ledger)
	}
	return ledger
}

func TestWhatAServerMayAnswer(t *testing.T) {
	cases := []struct {
		name string
		// answer to the call with this number, from 1.
		answer    func(call int) (int, http.Header)
		delivered int64
		refused   int64
	}{
		{"200", func(int) (int, http.Header) { return 200, http.Header{} }, 5, 0},
		{"500 three times", func(call int) (int, http.Header) {
			return map[bool]int{true: 500, false: 200}[call <= 3], http.Header{}
		}, 5, 0},
		{"429 with Retry-After", func(call int) (int, http.Header) {
			if call <= 2 {
				return 429, http.Header{"Retry-After": {"0"}}
			}
			return 200, http.Header{}
		}, 5, 0},
		{"a page of HTML", func(call int) (int, http.Header) {
			if call <= 2 {
				return 200, http.Header{"Content-Type": {"text/html"}}
			}
			return 200, http.Header{}
		}, 5, 0},
		{"401 until the token is repaired", func(call int) (int, http.Header) {
			return map[bool]int{true: 401, false: 200}[call <= 3], http.Header{}
		}, 5, 0},
		{"400 to everything", func(int) (int, http.Header) { return 400, http.Header{} }, 0, 5},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			s := newServer(t, func(string) (int, http.Header) { calls++; return test.answer(calls) })
			d := newDeliverer(t, s.URL, nil)
			for i := range 5 {
				d.Offer(upload(i))
			}
			d.Start()
			eventually(t, d, "an empty queue", func() bool { return d.Ledger().Waiting.Profiles == 0 })
			ledger := finish(t, d)
			if ledger.Delivered.Profiles != test.delivered || ledger.Dropped[DropRefused].Profiles != test.refused {
				t.Errorf("ledger: %+v", ledger)
			}
		})
	}
}

func TestOneBadProfileDoesNotSpoilItsBatch(t *testing.T) {
	s := newServer(t, func(body string) (int, http.Header) {
		if strings.Contains(body, "profile-002") {
			return 400, http.Header{}
		}
		return 200, http.Header{}
	})
	d := newDeliverer(t, s.URL, nil)
	for i := range 5 {
		d.Offer(upload(i))
	}
	d.Start()
	eventually(t, d, "an empty queue", func() bool { return d.Ledger().Waiting.Profiles == 0 })
	ledger := finish(t, d)
	if ledger.Delivered.Profiles != 4 || ledger.Dropped[DropRefused] != (Count{1, 3}) {
		t.Errorf("ledger: %+v", ledger)
	}
	if header := s.seen[0]; header.Get("X-Scope-OrgID") != "team" || header.Get("User-Agent") != "test" {
		t.Errorf("headers: %v", header)
	}
}

func TestAFullQueueDropsTheOldest(t *testing.T) {
	s := newServer(t, always(503))
	d := newDeliverer(t, s.URL, func(o *Options) { o.QueueMax = 100 * 300 })
	d.Start()
	// More than a batch, which is not dropped while it is being sent.
	for i := range 300 {
		d.Offer(upload(i))
	}
	ledger := d.Ledger()
	if ledger.Dropped[DropOverflow].Profiles == 0 || ledger.MemoryBytes > 100*300 || !ledger.Balanced() {
		t.Errorf("ledger: %+v", ledger)
	}
	s.answers(always(200))
	eventually(t, d, "an empty queue", func() bool { return d.Ledger().Waiting.Profiles == 0 })
	finish(t, d)
	if _, newest := s.taken["299"]; !newest {
		t.Errorf("the newest is not among %v", s.taken)
	}
}

func TestTheSpoolOutlivesTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	down := newServer(t, always(503))
	first := newDeliverer(t, down.URL, func(o *Options) { o.SpoolDir = dir })
	first.Start()
	for i := range 5 {
		first.Offer(upload(i))
	}
	eventually(t, first, "everything in files", func() bool { l := first.Ledger(); return l.MemoryBytes == 0 && l.SpoolBytes > 0 })
	// As after kill -9: nobody closes anything but the lock, which the kernel gives up.
	first.stop()
	<-first.ended
	first.spool.close()

	damaged, err := filepath.Glob(filepath.Join(dir, "*3-3.profile"))
	if err != nil || len(damaged) != 1 {
		t.Fatalf("files: %v %v", damaged, err)
	}
	if err := os.WriteFile(damaged[0], []byte("BZSPOOL1 and nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}

	up := newServer(t, always(200))
	second := newDeliverer(t, up.URL, func(o *Options) { o.SpoolDir = dir })
	if got := second.Ledger().Restored; got != (Count{5, 15}) {
		t.Errorf("restored: %+v", got)
	}
	second.Start()
	eventually(t, second, "an empty queue", func() bool { return second.Ledger().Waiting.Profiles == 0 })
	ledger := finish(t, second)
	if ledger.Delivered.Profiles != 4 || ledger.Dropped[DropDamaged] != (Count{1, 3}) {
		t.Errorf("ledger: %+v", ledger)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.profile")); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
	if profiles, _ := up.count(); profiles != 4 {
		t.Errorf("the server has %d profiles", profiles)
	}
}

func TestTwoAgentsDoNotShareASpool(t *testing.T) {
	dir := t.TempDir()
	first := newDeliverer(t, "http://127.0.0.1:1", func(o *Options) { o.SpoolDir = dir })
	defer first.spool.close()
	_, err := New(Options{URL: "http://127.0.0.1:1", SpoolDir: dir, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "in use by another agent") {
		t.Errorf("got %v", err)
	}
}

func TestAtTheEndWhatIsLeftIsDroppedAndCounted(t *testing.T) {
	s := newServer(t, always(503))
	d := newDeliverer(t, s.URL, nil)
	d.Start()
	for i := range 3 {
		d.Offer(upload(i))
	}
	ledger := finish(t, d)
	if ledger.Dropped[DropShutdown] != (Count{3, 6}) {
		t.Errorf("ledger: %+v", ledger)
	}
	d.Offer(upload(3))
	if ledger := d.Ledger(); ledger.Dropped[DropShutdown].Profiles != 4 || !ledger.Balanced() {
		t.Errorf("after the end: %+v", ledger)
	}
}

func TestTooOldProfilesAreNotSent(t *testing.T) {
	s := newServer(t, always(200))
	now := time.Now()
	d := newDeliverer(t, s.URL, func(o *Options) { o.Now = func() time.Time { return now }; o.AgeMax = time.Minute })
	d.Offer(upload(0))
	now = now.Add(time.Hour)
	d.Offer(upload(1))
	d.Start()
	eventually(t, d, "an empty queue", func() bool { return d.Ledger().Waiting.Profiles == 0 })
	ledger := finish(t, d)
	if ledger.Dropped[DropTooOld].Profiles != 1 || ledger.Delivered.Profiles != 1 {
		t.Errorf("ledger: %+v", ledger)
	}
}

func TestTheTokenIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	now := time.Unix(0, 0).Add(time.Hour)
	w := &watchedFile{path: path, now: func() time.Time { return now }}
	if _, err := w.get(); err == nil {
		t.Error("a missing file gives a token")
	}
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		now = now.Add(rereadAfter)
		if got, err := w.get(); got != want || err != nil {
			t.Errorf("got %q %v, want %q", got, err, want)
		}
	}
}
