package collect

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Capability is one bit of what the kernel lets a process do.
type Capability struct {
	Name string
	Bit  uint
	// Without says what is lost without it.
	Without string
	// Fatal ones keep the collector from starting; the others cost user frames.
	Fatal bool
}

const (
	bitSysPtrace         = 19
	bitSysAdmin          = 21
	bitSyslog            = 34
	bitPerfmon           = 38
	bitBPF               = 39
	bitCheckpointRestore = 40
	bitDACOverride       = 1
	bitDACReadSearch     = 2
)

// Needed lists the capabilities of the eBPF collector, each found by running without it.
var Needed = []Capability{
	{Name: "CAP_BPF", Bit: bitBPF, Without: "the kernel refuses to load the profiler's programs", Fatal: true},
	{Name: "CAP_PERFMON", Bit: bitPerfmon, Without: "the kernel refuses to sample other processes", Fatal: true},
	{Name: "CAP_SYSLOG", Bit: bitSyslog, Without: "the kernel hides its addresses, which the profiler needs at start", Fatal: true},
	{Name: "CAP_SYS_PTRACE", Bit: bitSysPtrace, Without: "memory of other processes cannot be read and user frames are lost"},
	{Name: "CAP_CHECKPOINT_RESTORE", Bit: bitCheckpointRestore, Without: "mapped files of other processes cannot be opened and user frames are lost"},
	{Name: "CAP_DAC_READ_SEARCH", Bit: bitDACReadSearch, Without: "files of other users cannot be read and their processes lose user frames"},
}

// Effective reads the capabilities of this process from a /proc/self/status.
func Effective(statusPath string) (uint64, error) {
	file, err := os.Open(statusPath)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		}
	}
	return 0, fmt.Errorf("%s has no CapEff line", statusPath)
}

// Missing gives the needed capabilities that are not in a set. CAP_SYS_ADMIN implies those that were split from it, and
// CAP_DAC_OVERRIDE the right to read.
func Missing(effective uint64) []Capability {
	var missing []Capability
	has := func(bit uint) bool { return effective&(1<<bit) != 0 }
	for _, c := range Needed {
		fromAdmin := c.Bit == bitBPF || c.Bit == bitPerfmon || c.Bit == bitCheckpointRestore
		if has(c.Bit) || fromAdmin && has(bitSysAdmin) || c.Bit == bitDACReadSearch && has(bitDACOverride) {
			continue
		}
		missing = append(missing, c)
	}
	return missing
}

// Names joins the names of capabilities for a message.
func Names(capabilities []Capability) string {
	names := make([]string, len(capabilities))
	for i, c := range capabilities {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
