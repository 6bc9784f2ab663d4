// Command brazier-agent profiles every process of a machine and sends the profiles to a Brazier server.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"brazier.dev/agent/internal/collect"
	"brazier.dev/agent/internal/node"
	"brazier.dev/agent/internal/perfevent"
	"brazier.dev/agent/internal/pprofile"
	"brazier.dev/agent/internal/sample"
	"brazier.dev/agent/internal/symbolize"
)

var version = "dev"

func main() {
	target := flag.String("url", "http://localhost:4040", "")
	rate := flag.Int("rate", 19, "")
	interval := flag.Duration("interval", 15*time.Second, "")
	httpAddress := flag.String("http-address", "127.0.0.1:4041", "")
	which := flag.String("collector", "auto", "")
	flag.Parse()
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var collector collect.Collector
	symbols := symbolize.New(symbolize.DefaultLimits, log, time.Now)
	n := node.New(node.Options{Interval: *interval, Limits: pprofile.DefaultLimits}, node.Neighbours{
		Attribute: func(p node.Identity, _ bool) (map[string]string, node.Verdict) {
			name := filepath.Base(p.ExecutablePath)
			if p.ExecutablePath == "" {
				name = "unknown"
			}
			return map[string]string{"service_name": name}, node.Send
		},
		Resolve: func(frames []sample.Frame) pprofile.Resolved { return symbols.Resolve(frames) },
		Rate: func() int { return collector.Rate() },
		Log:  log,
		Offer: func(p node.Profile) {
			name := p.Labels["service_name"]
			res, err := http.Post(*target+"/ingest?format=pprof&name="+url.QueryEscape(name)+fmt.Sprintf("&from=%d&until=%d", p.From.Unix(), p.To.Unix()), "application/octet-stream", bytes.NewReader(p.Pprof))
			if err != nil {
				log.Error("push", "error", err)
				return
			}
			log.Info("pushed", "service", name, "status", res.StatusCode, "samples", p.Samples, "bytes", len(p.Pprof))
			res.Body.Close()
		},
	})
	began := time.Now()
	makers := map[string][]collect.Maker{"auto": {collect.EBPF, perfevent.New}, "ebpf": {collect.EBPF}, "perf_event": {perfevent.New}}[*which]
	var err error
	var refusals []collect.Refusal
	collector, refusals, err = collect.Choose(ctx, collect.Options{Rate: *rate, Log: log, Sink: n.Take, Seen: func(e collect.Executable) {
		symbols.Seen(symbolize.Source{Mapping: e.Mapping, PID: e.PID, DebugLink: e.DebugLink, Open: func() (symbolize.File, error) { return e.Open() }})
	}}, makers...)
	log.Info("started", "error", err, "refusals", refusals, "after", time.Since(began).String())
	if err != nil {
		os.Exit(1)
	}
	go http.ListenAndServe(*httpAddress, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }))
	n.Run(ctx)
	collector.Close()
	n.Finish()
	log.Info("ended", "counts", n.Counts())
}
