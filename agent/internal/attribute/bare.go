// Package attribute says whose a process is.
//
// This is the rule for a machine without Kubernetes: a process belongs to its systemd unit, else to the program that it runs; one in
// a container says so.
package attribute

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Process is what is known of a process. It may have ended.
type Process struct {
	PID         int
	Comm, Exe   string
	ContainerID string
	Cgroup      string
	KernelTask  bool
	// Runtime is go, python, java, …, or native; empty while no stack has shown it.
	Runtime string
}

// KernelService is the service of the kernel's own threads, UnknownService that of processes that were gone before they could be
// looked at.
const (
	KernelService  = "kernel"
	UnknownService = "unknown"
)

// shortID is how much of a container's id is shown, as its tools do.
const shortID = 12

// Labels gives the labels of a process on a machine without Kubernetes.
func Labels(p Process) map[string]string {
	labels := map[string]string{"service_name": service(p)}
	if p.ContainerID != "" {
		labels["container"] = p.ContainerID[:min(shortID, len(p.ContainerID))]
	}
	return labels
}

func service(p Process) string {
	if p.KernelTask {
		return KernelService
	}
	if p.ContainerID == "" {
		if unit := Unit(p.Cgroup); unit != "" {
			return unit
		}
	}
	if name := program(p.Exe); name != "" {
		return name
	}
	if p.Comm != "" {
		return p.Comm
	}
	return UnknownService
}

// program gives the name of an executable. The kernel marks files that are gone or never had a name.
func program(path string) string {
	path = strings.TrimSuffix(path, " (deleted)")
	name := filepath.Base(path)
	if path == "" || name == "/" || name == "." {
		return ""
	}
	return strings.TrimPrefix(name, "memfd:")
}

// instance is what follows the name of a template in a unit's name: getty@tty1 is getty.
var instance = regexp.MustCompile(`@.*$`)

// Unit finds the systemd service in the text of a /proc/<pid>/cgroup. Sessions of people are no services: what they run goes by
// its program.
func Unit(cgroup string) string {
	for line := range strings.Lines(cgroup) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[1] != "" && parts[1] != "name=systemd" {
			continue
		}
		unit := ""
		for part := range strings.SplitSeq(parts[2], "/") {
			if part == "user.slice" || strings.HasPrefix(part, "user@") {
				return ""
			}
			if name, ok := strings.CutSuffix(part, ".service"); ok {
				unit = instance.ReplaceAllString(name, "")
			}
		}
		if unit != "" {
			return unescape(unit)
		}
	}
	return ""
}

// unescape undoes systemd's \x2d for characters that a unit's name may not have.
var escaped = regexp.MustCompile(`\\x[0-9a-f]{2}`)

func unescape(name string) string {
	return escaped.ReplaceAllStringFunc(name, func(code string) string {
		value, err := strconv.ParseUint(code[2:], 16, 8)
		if err != nil {
			return code
		}
		return string(rune(value))
	})
}

// ReadCgroup gives the text of a process's control groups, empty when it has ended.
func ReadCgroup(pid int) string {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	return string(content)
}
