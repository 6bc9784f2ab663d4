package budget

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Meter measures this process.
type Meter struct {
	last    time.Time
	lastCPU time.Duration
}

// NewMeter begins to measure now.
func NewMeter(now time.Time) *Meter { return &Meter{last: now, lastCPU: ownCPU()} }

// Measure gives what was used since the last call. Samples that the kernel took in other processes' time count too.
func (m *Meter) Measure(now time.Time, inKernel time.Duration) Usage {
	cpu := ownCPU()
	passed := now.Sub(m.last)
	usage := Usage{Memory: resident("/proc/self/statm")}
	if passed > 0 {
		usage.CPU = float64(cpu-m.lastCPU+inKernel) / float64(passed)
	}
	m.last, m.lastCPU = now, cpu
	return usage
}

func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func resident(statm string) int64 {
	content, err := os.ReadFile(statm)
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// ContainerLimit gives the memory limit of the control group that this process is in, 0 where there is none.
func ContainerLimit(cgroupFile, mount string) (int64, error) {
	content, err := os.ReadFile(cgroupFile)
	if err != nil {
		return 0, fmt.Errorf("reading the control group of this process: %w", err)
	}
	least := int64(0)
	for line := range strings.Lines(string(content)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var folder, name string
		switch {
		case parts[0] == "0" && parts[1] == "":
			folder, name = mount, "memory.max"
		case hasController(parts[1], "memory"):
			folder, name = filepath.Join(mount, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		// Within a container the path is often not visible, and the root of the mount is the container's own group.
		for path := filepath.Clean(parts[2]); ; path = filepath.Dir(path) {
			limit, err := readLimit(filepath.Join(folder, path, name))
			if err == nil && limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
			if path == "/" || path == "." {
				break
			}
		}
	}
	return least, nil
}

func hasController(list, controller string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if name == controller {
			return true
		}
	}
	return false
}

// unlimited is what version 1 says where there is no limit: the largest number of pages.
const unlimited = int64(1) << 60

func readLimit(path string) (int64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(content))
	if text == "max" {
		return 0, nil
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New(path + " has no number")
	}
	if limit >= unlimited {
		return 0, nil
	}
	return limit, nil
}
