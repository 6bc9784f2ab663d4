// Package debuginfo sends the server the symbols of programs, for what cannot be named on the node.
//
// The server is asked about each build id once (debuginfo.v1alpha1): it may have the file, or want none. A server that has no store for
// them says so to the first question, and is left alone.
package debuginfo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

const service = "/debuginfo.v1alpha1.DebuginfoService/"

const (
	// maxSize is what the server takes.
	maxSize = 1 << 30
	// maxWaiting files are open and wait; more are offered again when they are read the next time.
	maxWaiting = 32
	// maxAsked bounds what is remembered of build ids.
	maxAsked = 16384
)

// Door sends a request with our credentials.
type Door interface {
	URL(path string) string
	Do(request *http.Request) (*http.Response, error)
}

// errNoStore is the answer of a server without a store for symbols.
var errNoStore = errors.New("the server has no store for symbols")

// Counts are what has become of files.
type Counts struct{ Asked, Uploaded, Failed int64 }

// Uploader owns its descriptors of the files that wait.
type Uploader struct {
	door    Door
	log     *slog.Logger
	waiting chan candidate

	mu    sync.Mutex
	asked map[string]struct{}
	off   atomic.Bool

	counts struct{ asked, uploaded, failed atomic.Int64 }
}

type candidate struct {
	buildID, name string
	file          *os.File
	size          int64
}

// New makes an uploader; Run does its work.
func New(door Door, log *slog.Logger) *Uploader {
	return &Uploader{door: door, log: log, waiting: make(chan candidate, maxWaiting), asked: map[string]struct{}{}}
}

// Offer takes a file that is open, without keeping it: it opens its own descriptor of it. It never blocks.
func (u *Uploader) Offer(buildID, path string, file *os.File) {
	if buildID == "" || u.off.Load() || len(u.waiting) == cap(u.waiting) || !u.first(buildID) {
		return
	}
	own, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	if err != nil {
		u.forget(buildID)
		return
	}
	info, err := own.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
		own.Close()
		return
	}
	select {
	case u.waiting <- candidate{buildID, filepath.Base(path), own, info.Size()}:
	default:
		own.Close()
		u.forget(buildID)
	}
}

func (u *Uploader) first(buildID string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.asked[buildID]; known {
		return false
	}
	if len(u.asked) >= maxAsked {
		clear(u.asked)
	}
	u.asked[buildID] = struct{}{}
	return true
}

func (u *Uploader) forget(buildID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.asked, buildID)
}

// Counts gives what has become of files so far.
func (u *Uploader) Counts() Counts {
	return Counts{u.counts.asked.Load(), u.counts.uploaded.Load(), u.counts.failed.Load()}
}

// Run sends one file after the other until the context ends.
func (u *Uploader) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-u.waiting:
			if !u.off.Load() {
				u.handle(ctx, c)
			}
			c.file.Close()
		}
	}
}

func (u *Uploader) handle(ctx context.Context, c candidate) {
	u.counts.asked.Add(1)
	err := u.send(ctx, c)
	switch {
	case errors.Is(err, errNoStore):
		u.off.Store(true)
		u.log.Info("symbols are not uploaded", "reason", err.Error())
	case err != nil && ctx.Err() == nil:
		u.counts.failed.Add(1)
		u.forget(c.buildID)
		u.log.Warn("symbols could not be uploaded", "file", c.name, "build_id", c.buildID, "error", err)
	}
}

func (u *Uploader) send(ctx context.Context, c candidate) error {
	var answer struct {
		ShouldInitiateUpload bool   `json:"shouldInitiateUpload"`
		Reason               string `json:"reason"`
	}
	question := map[string]any{"file": map[string]string{"gnuBuildId": c.buildID, "name": c.name}}
	if err := u.call(ctx, "ShouldInitiateUpload", question, &answer); err != nil {
		return err
	}
	if !answer.ShouldInitiateUpload {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.door.URL(service+"Upload/"+url.PathEscape(c.buildID)), io.NewSectionReader(c.file, 0, c.size))
	if err != nil {
		return err
	}
	request.ContentLength = c.size
	request.Header.Set("Content-Type", "application/octet-stream")
	if err := u.do(request, nil); err != nil {
		return err
	}
	if err := u.call(ctx, "UploadFinished", map[string]string{"gnuBuildId": c.buildID}, nil); err != nil {
		return err
	}
	u.counts.uploaded.Add(1)
	u.log.Info("symbols are uploaded", "file", c.name, "build_id", c.buildID, "size_bytes", c.size)
	return nil
}

// call is a Connect call with JSON both ways.
func (u *Uploader) call(ctx context.Context, method string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.door.URL(service+method), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Connect-Protocol-Version", "1")
	return u.do(request, answer)
}

func (u *Uploader) do(request *http.Request, answer any) error {
	response, err := u.door.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	switch {
	case response.StatusCode == http.StatusNotImplemented, response.StatusCode == http.StatusNotFound:
		return errNoStore
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the server answered %d: %s", response.StatusCode, bytes.TrimSpace(body[:min(len(body), 300)]))
	case err != nil:
		return err
	case answer == nil:
		return nil
	}
	return json.Unmarshal(body, answer)
}
