package debuginfo

import (
	"context"
	"encoding/json"
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

type door struct{ url string }

func (d door) URL(path string) string { return d.url + path }
func (d door) Do(request *http.Request) (*http.Response, error) {
	return http.DefaultClient.Do(request)
}

type store struct {
	mu    sync.Mutex
	calls []string
	files map[string]string
}

func (s *store) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// serve answers as the server does: it wants every file but those called "known".
func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	method := strings.TrimPrefix(r.URL.Path, service)
	s.calls = append(s.calls, method)
	switch {
	case method == "ShouldInitiateUpload":
		var question struct {
			File struct{ GnuBuildID, Name string }
		}
		if json.Unmarshal(body, &question) != nil || question.File.GnuBuildID == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"shouldInitiateUpload": question.File.Name != "known"})
	case strings.HasPrefix(method, "Upload/"):
		s.files[strings.TrimPrefix(method, "Upload/")] = string(body)
	case method == "UploadFinished":
		_, _ = w.Write([]byte("{}"))
	}
}

func open(t *testing.T, name, content string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func run(t *testing.T, u *Uploader) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { u.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestFilesThatTheServerWantsAreSentOnce(t *testing.T) {
	s := &store{files: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	defer server.Close()
	u := New(door{server.URL}, slog.New(slog.DiscardHandler))

	wanted := open(t, "app", "the bytes of the program")
	u.Offer("aa11", "/usr/bin/app", wanted)
	wanted.Close() // the uploader has its own descriptor
	u.Offer("aa11", "/usr/bin/app", open(t, "app", "again"))
	u.Offer("bb22", "/usr/bin/known", open(t, "known", "x"))
	u.Offer("", "/usr/bin/anonymous", open(t, "anonymous", "x"))
	run(t, u)
	until(t, "the second question", func() bool { return u.Counts().Asked == 2 && len(s.asked()) == 4 })
	if got := u.Counts(); got != (Counts{Asked: 2, Uploaded: 1}) {
		t.Errorf("counts: %+v", got)
	}
	if len(s.files) != 1 || s.files["aa11"] != "the bytes of the program" {
		t.Errorf("files: %v", s.files)
	}
}

func TestAServerWithoutAStoreIsAskedOnce(t *testing.T) {
	for _, status := range []int{http.StatusNotImplemented, http.StatusNotFound} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { calls++; w.WriteHeader(status) }))
		var said strings.Builder
		u := New(door{server.URL}, slog.New(slog.NewTextHandler(&said, nil)))
		u.Offer("aa", "/a", open(t, "a", "x"))
		run(t, u)
		until(t, "the answer", func() bool { return u.off.Load() })
		u.Offer("bb", "/b", open(t, "b", "x"))
		if len(u.waiting) != 0 {
			t.Error("a file waits for a server that has no store")
		}
		server.Close()
		if calls != 1 {
			t.Errorf("%d: asked %d times", status, calls)
		}
	}
}

func TestAFailureIsTriedWhenTheFileIsOfferedAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer server.Close()
	u := New(door{server.URL}, slog.New(slog.DiscardHandler))
	run(t, u)
	for want := int64(1); want <= 2; want++ {
		u.Offer("aa", "/a", open(t, "a", "x"))
		until(t, "the failure", func() bool { return u.Counts().Failed == want && u.first("aa") })
		u.forget("aa")
	}
}
