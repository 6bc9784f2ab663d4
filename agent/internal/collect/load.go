package collect

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// checkCapabilities says by name what the process lacks, before the kernel says EPERM.
func checkCapabilities(log *slog.Logger) error {
	effective, err := Effective("/proc/self/status")
	if err != nil {
		return fmt.Errorf("reading the capabilities of this process: %w", err)
	}
	var fatal, costly []Capability
	for _, c := range Missing(effective) {
		if c.Fatal {
			fatal = append(fatal, c)
		} else {
			costly = append(costly, c)
			log.Warn("a capability is missing", "capability", c.Name, "consequence", c.Without)
		}
	}
	if len(fatal) > 0 {
		return &MissingError{
			Reason: "capability",
			What:   fmt.Sprintf("missing %s: %s. Run as root, or give the process %s", Names(fatal), fatal[0].Without, Names(fatal)),
		}
	}
	if os.Geteuid() != 0 {
		log.Warn("not running as root: files of other users may stay unread", "uid", os.Geteuid())
	}
	return nil
}

// explainLoad names the fault behind an error of loading the programs.
func explainLoad(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "cannot allocate memory"):
		return &MissingError{Reason: "memory", Err: err,
			What: "no memory for the profiler's tables: give the container a limit of 256 Mi (128 Mi is the least)"}
	case strings.Contains(text, "adjust rlimit"):
		return &MissingError{Reason: "memlock", Err: err,
			What: "the limit of locked memory cannot be raised: add CAP_SYS_RESOURCE, or build with hack/agent/build.ts, whose binary needs it only before Linux 5.11"}
	case strings.Contains(text, "kernel symbols"), strings.Contains(text, "kallsyms"):
		return &MissingError{Reason: "kallsyms", Err: err,
			What: "the kernel hides its symbols: add CAP_SYSLOG and set kernel.kptr_restrict to 0 or 1"}
	case strings.Contains(text, "operation not permitted"), strings.Contains(text, "permission denied"):
		return &MissingError{Reason: "permission", Err: err,
			What: "the kernel refuses the profiler's programs: they need CAP_BPF and CAP_PERFMON in the machine's own PID namespace (hostPID), and no seccomp profile or lockdown in the way"}
	}
	return fmt.Errorf("the profiler's programs do not load: %w", err)
}
