// Package symbolize gives addresses their names: functions from symbol tables, lines and inlined functions from DWARF, the kernel's
// from its own table, those of just-in-time compilers from the maps they write.
//
// Everything is bounded: tables hold 16 bytes a function and are dropped oldest first, names stay in the files until somebody
// asks, and open files are few. What cannot be named stays an address with the build id of its file, for the server.
package symbolize

import (
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"brazier.dev/agent/internal/sample"
)

// Limits bound what the symbolizer holds.
type Limits struct {
	// Tables and Lines are bytes of symbol tables and of unpacked DWARF. Lines also bounds the DWARF of one file; 0 turns lines off.
	Tables, Lines int64
	// Files is the number of open files, Answers that of addresses whose names are remembered.
	Files, Answers int
}

// DefaultLimits suit a pod of 256 Mi.
var DefaultLimits = Limits{Tables: 48 << 20, Lines: 16 << 20, Files: 192, Answers: 32768}

// idleMax is how long a file of a process that has ended stays open: it may keep a deleted file's space from being freed.
const idleMax = 5 * time.Minute

// linesIdle is how long DWARF stays without being asked: names that were found are remembered without it.
const linesIdle = time.Minute

// linesPause is how long a file whose DWARF had to make room goes without: reading it costs more than it is worth every interval.
const linesPause = 10 * time.Minute

// Symbolizer names frames. It is safe for several goroutines; naming takes turns.
type Symbolizer struct {
	limits Limits
	log    *slog.Logger
	now    func() time.Time

	// Loaded is told about a file when its symbols have been read; it may read it during the call.
	Loaded func(buildID, path string, file *os.File)

	mu      sync.Mutex
	objects map[string]*objectFile
	answers map[answerKey][]sample.Frame
	stats   Stats
}

type answerKey struct {
	file    string
	address uint64
}

// Stats are counters and sizes, for metrics.
type Stats struct {
	Files, OpenFiles, Tables      int
	TableBytes, LineBytes         int64
	Named, Unnamed, Gone, Evicted int64
	Answers                       int
}

// New makes a symbolizer that knows no file.
func New(limits Limits, log *slog.Logger, now func() time.Time) *Symbolizer {
	return &Symbolizer{limits: limits, log: log, now: now, objects: map[string]*objectFile{}, answers: map[answerKey][]sample.Frame{}}
}

// Seen opens a file that was seen mapped, so that it can be read when the process is gone. It is called while the profiler waits,
// and does no more than that.
func (s *Symbolizer) Seen(source Source) {
	file, err := source.Open()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := source.Mapping.FileID
	b := s.objects[key]
	if b == nil {
		b = &objectFile{mapping: *source.Mapping, debugLink: source.DebugLink}
		s.objects[key] = b
	}
	b.pid = source.PID
	b.lastUsed = s.now()
	if b.file != nil {
		file.Close()
		return
	}
	b.file = file
	b.identity, b.isFile = identityOf(file)
	if b.state == gone {
		b.state, b.fault = unread, nil
	}
	s.tidy(b)
}

// Resolve names frames in order: for each the functions it stands for, callee first, or nothing where it stays an address.
func (s *Symbolizer) Resolve(frames []sample.Frame) [][]sample.Frame {
	resolved := make([][]sample.Frame, len(frames))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range frames {
		resolved[i] = s.resolve(&frames[i])
	}
	s.closeIdle()
	s.dropIdleLines()
	return resolved
}

func (s *Symbolizer) resolve(frame *sample.Frame) []sample.Frame {
	if frame.Kind != sample.Native && frame.Kind != sample.Go || frame.Mapping == nil {
		if frame.Function == "" {
			return nil
		}
		return []sample.Frame{*frame}
	}
	key := answerKey{frame.Mapping.FileID, frame.Address}
	answer, known := s.answers[key]
	if !known {
		var final bool
		if answer, final = s.ask(frame); final {
			if len(s.answers) >= s.limits.Answers {
				clear(s.answers)
			}
			s.answers[key] = answer
		}
	}
	if len(answer) == 0 {
		s.stats.Unnamed++
	} else {
		s.stats.Named++
	}
	return answer
}

// ask looks an address up in its file, and says whether the answer may be remembered. DWARF knows more than the symbol table where
// there is some; for Go it also puts right the line, which Go's own table gives of the innermost inlined function.
func (s *Symbolizer) ask(frame *sample.Frame) (answer []sample.Frame, final bool) {
	if frame.Function != "" {
		answer = []sample.Frame{*frame}
	}
	b := s.objects[frame.Mapping.FileID]
	if b == nil {
		return answer, false
	}
	b.lastUsed = s.now()
	if b.state == unread {
		s.load(b)
	}
	if b.state == gone {
		return answer, false
	}
	if found := s.askLines(b, frame); len(found) > 0 {
		return found, true
	}
	if answer != nil {
		return answer, true
	}
	if err := b.reopen(); err != nil {
		s.lose(b, err)
		return nil, false
	}
	name, err := b.find(frame.Address)
	if err != nil || name == "" {
		return nil, err == nil
	}
	return []sample.Frame{{Kind: frame.Kind, Function: readable(name)}}, true
}

func (s *Symbolizer) askLines(b *objectFile, frame *sample.Frame) []sample.Frame {
	if s.limits.Lines > 0 && !b.noLines && b.lines == nil && s.now().After(b.linesAfter) && b.reopen() == nil {
		b.loadLines(s.limits.Lines)
		s.tidy(b)
	}
	if b.lines == nil {
		return nil
	}
	b.linesUsed = s.now()
	found := b.lines.find(frame.Address)
	for i := range found {
		found[i].Kind = frame.Kind
	}
	return found
}

func (s *Symbolizer) load(b *objectFile) {
	if err := b.load(); err != nil {
		s.lose(b, err)
		return
	}
	b.state = read
	s.tidy(b)
	if s.Loaded == nil {
		return
	}
	if b.debug != nil {
		s.Loaded(b.mapping.BuildID, b.mapping.Path, b.debug)
	} else if file, ok := b.file.(*os.File); ok {
		s.Loaded(b.mapping.BuildID, b.mapping.Path, file)
	}
}

// lose gives a file up until it is seen again.
func (s *Symbolizer) lose(b *objectFile, err error) {
	b.forget()
	b.state, b.fault = gone, err
	s.stats.Gone++
	s.log.Debug("a file cannot be read for its symbols", "path", b.mapping.Path, "build_id", b.mapping.BuildID, "error", err)
}

// tidy drops what was used longest ago until the limits hold. It never drops the one that is in use.
func (s *Symbolizer) tidy(inUse *objectFile) {
	for {
		open, tables, lineBytes := 0, int64(0), int64(0)
		var oldest *objectFile
		for _, b := range s.objects {
			holds := false
			if b.file != nil {
				open++
				holds = true
			}
			if b.tables != nil {
				tables += b.tableBytes()
				holds = true
			}
			if b.lines != nil {
				lineBytes += b.lines.size
			}
			if holds && b != inUse && (oldest == nil || b.lastUsed.Before(oldest.lastUsed)) {
				oldest = b
			}
		}
		if open <= s.limits.Files && tables <= s.limits.Tables && lineBytes <= s.limits.Lines || oldest == nil {
			return
		}
		if lineBytes > s.limits.Lines && s.dropLines(inUse) {
			continue
		}
		oldest.forget()
		s.stats.Evicted++
	}
}

// dropIdleLines drops DWARF that has said what it had to say, and what is parsed of the rest.
func (s *Symbolizer) dropIdleLines() {
	now := s.now()
	for _, b := range s.objects {
		if b.lines == nil {
			continue
		}
		clear(b.lines.open)
		if now.Sub(b.linesUsed) > linesIdle {
			b.lines = nil
		}
	}
}

// dropLines drops the DWARF that was used longest ago.
func (s *Symbolizer) dropLines(inUse *objectFile) bool {
	var oldest *objectFile
	for _, b := range s.objects {
		if b.lines != nil && b != inUse && (oldest == nil || b.lastUsed.Before(oldest.lastUsed)) {
			oldest = b
		}
	}
	if oldest == nil {
		return false
	}
	oldest.lines = nil
	oldest.linesAfter = s.now().Add(linesPause)
	return true
}

// maxObjects bounds what is remembered of files at all; a build machine runs a new one every second.
const maxObjects = 8192

// closeIdle closes files of processes that have ended and forgets files that nobody has used for long.
func (s *Symbolizer) closeIdle() {
	now := s.now()
	for key, b := range s.objects {
		if now.Sub(b.lastUsed) < idleMax {
			continue
		}
		if _, err := os.Stat("/proc/" + strconv.Itoa(b.pid)); err == nil && len(s.objects) < maxObjects {
			continue
		}
		b.forget()
		if b.state == gone || len(s.objects) >= maxObjects {
			delete(s.objects, key)
		}
	}
}

// Shed drops everything that can be had again: memory is short.
func (s *Symbolizer) Shed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.answers)
	for _, b := range s.objects {
		b.lines, b.linesAfter = nil, s.now().Add(linesPause)
		if b.isFile {
			b.tables = nil
			if b.state == read {
				b.state = unread
			}
		}
	}
}

// Stats gives counters and sizes as of now.
func (s *Symbolizer) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Files = len(s.objects)
	stats.Answers = len(s.answers)
	for _, b := range s.objects {
		if b.file != nil {
			stats.OpenFiles++
		}
		if b.tables != nil {
			stats.Tables++
			stats.TableBytes += b.tableBytes()
		}
		if b.lines != nil {
			stats.LineBytes += b.lines.size
		}
	}
	return stats
}

func rootOf(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/root" }
