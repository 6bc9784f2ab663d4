package attribute

import (
	"regexp"
	"strings"
)

/*
 * Where container runtimes put a container's id, in both versions of control groups and with both drivers:
 *
 *	cgroupfs  /kubepods/burstable/pod<uid>/<id>
 *	systemd   /kubepods.slice/kubepods-pod<uid with _>.slice/cri-containerd-<id>.scope
 *	docker    /docker/<id> · /system.slice/docker-<id>.scope
 *	podman    /machine.slice/libpod-<id>.scope/container
 */

var (
	containerPart = regexp.MustCompile(`^(?:[a-z]+(?:-[a-z]+)*[-:])?([0-9a-f]{64})(?:\.scope)?$`)
	podPart       = regexp.MustCompile(`^(?:(?:[a-z]+-)*kubepods[a-z-]*-)?pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$`)
)

// Place is where a process runs, as its control groups tell. Static pods have a hash for an id, without dashes.
type Place struct {
	ContainerID string
	PodUID      string
}

// PlaceOf reads the text of a /proc/<pid>/cgroup. Of nested containers the innermost counts.
func PlaceOf(cgroup string) Place {
	var place Place
	for line := range strings.Lines(cgroup) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for part := range strings.SplitSeq(fields[2], "/") {
			// containerd's systemd form joins slice, prefix and id: kubepods-pod<uid>.slice:cri-containerd:<id>
			for piece := range strings.SplitSeq(part, ":") {
				if match := containerPart.FindStringSubmatch(piece); match != nil {
					place.ContainerID = match[1]
				}
				if match := podPart.FindStringSubmatch(piece); match != nil {
					place.PodUID = strings.ReplaceAll(match[1], "_", "-")
				}
			}
		}
		if place.ContainerID != "" {
			return place
		}
	}
	return place
}
