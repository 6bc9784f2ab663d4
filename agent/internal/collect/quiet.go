package collect

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quietHandler keeps the profiler's own log lines from flooding ours: its Info is our Debug, and a minute has room for a few.
type quietHandler struct{ slog.Handler }

const linesPerMinute = 10

var quiet struct {
	sync.Mutex
	minute  time.Time
	written int
}

func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.Handler.Enabled(ctx, lowered(level))
}

// lowered makes Info Debug, and Debug (a line for every process and mapping) less than any level we print.
func lowered(level slog.Level) slog.Level {
	if level <= slog.LevelInfo {
		return level - 4
	}
	return level
}

func (h quietHandler) Handle(ctx context.Context, record slog.Record) error {
	record.Level = lowered(record.Level)
	if strings.HasPrefix(record.Message, "Metric ID") {
		return nil // two reports of a counter within a second: nothing that somebody could do anything about
	}
	quiet.Lock()
	if record.Time.Sub(quiet.minute) > time.Minute {
		quiet.minute, quiet.written = record.Time, 0
	}
	quiet.written++
	allowed := quiet.written <= linesPerMinute
	quiet.Unlock()
	if !allowed && record.Level > slog.LevelDebug {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
