package perfevent

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"brazier.dev/agent/internal/symbolize"
)

// process is what is known about a process that was sampled.
type process struct {
	pid        int
	comm, exe  string
	container  string
	mappings   []region
	perfMap    *symbolize.PerfMap
	read       time.Time
	lastUsed   time.Time
	kernelTask bool
}

// region is an executable mapping of a process.
type region struct {
	start, end, offset uint64
	device             string
	inode              uint64
	path               string
}

// anonymous regions hold code that the process made itself.
func (r *region) anonymous() bool {
	return r.path == "" || strings.HasPrefix(r.path, "//anon") || strings.HasPrefix(r.path, "[anon") || strings.HasPrefix(r.path, "/memfd:")
}

// rereadEvery bounds how often the mappings of a process are read again because an address is in none of them.
const rereadEvery = time.Second

func openProcess(pid int, now time.Time) *process {
	p := &process{pid: pid, lastUsed: now}
	p.comm = strings.TrimSpace(readFile(p.path("comm")))
	p.exe, _ = os.Readlink(p.path("exe"))
	p.exe = strings.TrimSuffix(p.exe, " (deleted)")
	p.container = containerOf(readFile(p.path("cgroup")))
	p.readMappings(now)
	// A kernel thread has neither a program nor mappings.
	p.kernelTask = p.exe == "" && len(p.mappings) == 0
	p.perfMap = symbolize.OpenPerfMap(symbolize.PerfMapPath(pid))
	return p
}

func (p *process) path(name string) string { return "/proc/" + strconv.Itoa(p.pid) + "/" + name }

func (p *process) readMappings(now time.Time) {
	p.read = now
	file, err := os.Open(p.path("maps"))
	if err != nil {
		return // it has ended: what was known of it still holds for its last samples
	}
	defer file.Close()
	var mappings []region
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if r, ok := parseRegion(lines.Text()); ok {
			mappings = append(mappings, r)
		}
	}
	if len(mappings) > 0 {
		p.mappings = mappings
	}
}

// parseRegion reads a line of maps: "start-end perms offset device inode path". Only executable ones count.
func parseRegion(line string) (region, bool) {
	var r region
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 5 || len(fields[1]) < 3 || fields[1][2] != 'x' {
		return r, false
	}
	start, end, ok := strings.Cut(fields[0], "-")
	if !ok {
		return r, false
	}
	var err [4]error
	r.start, err[0] = strconv.ParseUint(start, 16, 64)
	r.end, err[1] = strconv.ParseUint(end, 16, 64)
	r.offset, err[2] = strconv.ParseUint(fields[2], 16, 64)
	r.device = fields[3]
	r.inode, err[3] = strconv.ParseUint(fields[4], 10, 64)
	for _, e := range err {
		if e != nil {
			return r, false
		}
	}
	if len(fields) == 6 {
		r.path = strings.TrimSuffix(strings.TrimLeft(fields[5], " "), " (deleted)")
	}
	return r, true
}

// find gives the mapping of an address, reading the mappings again where it is in none.
func (p *process) find(address uint64, now time.Time) *region {
	if found := p.lookup(address); found != nil {
		return found
	}
	if now.Sub(p.read) < rereadEvery {
		return nil
	}
	p.readMappings(now)
	return p.lookup(address)
}

func (p *process) lookup(address uint64) *region {
	after := sort.Search(len(p.mappings), func(i int) bool { return p.mappings[i].start > address })
	if after == 0 || address >= p.mappings[after-1].end {
		return nil
	}
	return &p.mappings[after-1]
}

// fileKey tells files apart: two mappings of one file have the same.
func (r *region) fileKey() string { return fmt.Sprintf("%s:%d", r.device, r.inode) }

func readFile(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(content)
}

// containerOf finds the id of a container in a /proc/<pid>/cgroup: 64 hex digits at the end of a path, however it is wrapped.
func containerOf(cgroup string) string {
	for line := range strings.Lines(cgroup) {
		path := strings.TrimSpace(line)
		for part := range strings.SplitSeq(path, "/") {
			part = strings.TrimSuffix(part, ".scope")
			if at := strings.LastIndexAny(part, "-:"); at >= 0 {
				part = part[at+1:]
			}
			if len(part) == 64 && strings.Trim(part, "0123456789abcdef") == "" {
				return part
			}
		}
	}
	return ""
}
