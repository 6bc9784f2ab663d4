package symbolize

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// PerfMap names code that a just-in-time compiler made, from the file that it writes for profilers: /tmp/perf-<pid>.map.
type PerfMap struct {
	path    string
	size    int64
	checked time.Time
	entries []perfMapEntry
}

type perfMapEntry struct {
	start, end uint64
	name       string
}

const (
	// maxPerfMap bounds how much of a map is read; the newest entries, at its end, are what runs now.
	maxPerfMap = 16 << 20
	// perfMapEvery is how often a map is looked at again: compilers append to it all the time.
	perfMapEvery = 5 * time.Second
)

// PerfMapPath gives where a process writes its map: under its own root, by the number that it has in its own PID namespace.
func PerfMapPath(pid int) string {
	inner := pid
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		inner = innermostPid(string(status), pid)
	}
	return fmt.Sprintf("%s/tmp/perf-%d.map", rootOf(pid), inner)
}

func innermostPid(status string, pid int) int {
	for line := range strings.Lines(status) {
		numbers, ok := strings.CutPrefix(line, "NSpid:")
		if !ok {
			continue
		}
		fields := strings.Fields(numbers)
		if len(fields) == 0 {
			return pid
		}
		if inner, err := strconv.Atoi(fields[len(fields)-1]); err == nil {
			return inner
		}
	}
	return pid
}

// OpenPerfMap prepares a map; it is read when a name is asked for.
func OpenPerfMap(path string) *PerfMap { return &PerfMap{path: path} }

// Name gives the function at an address, or nothing.
func (m *PerfMap) Name(address uint64, now time.Time) string {
	if now.Sub(m.checked) >= perfMapEvery {
		m.checked = now
		m.refresh()
	}
	after := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].start > address })
	if after == 0 || address >= m.entries[after-1].end {
		return ""
	}
	return m.entries[after-1].name
}

func (m *PerfMap) refresh() {
	file, err := os.Open(m.path)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == m.size {
		return
	}
	m.size = info.Size()
	if skip := info.Size() - maxPerfMap; skip > 0 {
		if _, err := file.Seek(skip, io.SeekStart); err != nil {
			return
		}
	}
	m.entries = parsePerfMap(io.LimitReader(file, maxPerfMap))
}

// parsePerfMap reads "start size name" in hex. Where code was replaced by other code at the same place, the later entry counts.
func parsePerfMap(table io.Reader) []perfMapEntry {
	var entries []perfMapEntry
	lines := bufio.NewScanner(table)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		start, rest, ok := strings.Cut(lines.Text(), " ")
		size, name, named := strings.Cut(rest, " ")
		if !ok || !named {
			continue
		}
		from, err := strconv.ParseUint(strings.TrimPrefix(start, "0x"), 16, 64)
		length, err2 := strconv.ParseUint(strings.TrimPrefix(size, "0x"), 16, 64)
		if err != nil || err2 != nil || length == 0 || from+length < from {
			continue
		}
		entries = append(entries, perfMapEntry{from, from + length, name})
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].start < entries[j].start })
	kept := entries[:0]
	for i, entry := range entries {
		if i+1 < len(entries) && entries[i+1].start == entry.start {
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}
