// Package scrape fetches pprof from pods that ask for it by annotation, so that a Go service has memory, lock and goroutine profiles with
// no SDK. The annotations are Pyroscope's: profiles.grafana.com/<type>.{scrape,port,port_name,scheme,path}.
package scrape

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"brazier.dev/agent/internal/attribute"
)

const annotationPrefix = "profiles.grafana.com/"

// kind is one type of profile that can be scraped.
type kind struct {
	// annotation is its name in annotations, name the profile's name at the server.
	annotation, name, path string
	// timed profiles are recorded while the request waits.
	timed bool
	// cumulative sample types grow from the start of the program; what is sent is their growth between two scrapes.
	cumulative []string
}

var kinds = []kind{
	{annotation: "cpu", name: "process_cpu", path: "/debug/pprof/profile", timed: true},
	{annotation: "memory", name: "memory", path: "/debug/pprof/allocs", cumulative: []string{"alloc_objects", "alloc_space"}},
	{annotation: "goroutine", name: "goroutine", path: "/debug/pprof/goroutine"},
	{annotation: "mutex", name: "mutex", path: "/debug/pprof/mutex", cumulative: []string{"contentions", "delay"}},
	{annotation: "block", name: "block", path: "/debug/pprof/block", cumulative: []string{"contentions", "delay"}},
}

// target is one address that is scraped. Comparable: a change of anything makes another one.
type target struct {
	uid, container string
	// containerID changes when the program starts again, and with it begin its counters.
	containerID string
	annotation  string
	url         string
}

// targetsOf reads a pod's annotations. Faults say what is wrong with them.
func targetsOf(pod *attribute.Pod) (targets []target, faults []string) {
	if !pod.Running || pod.IP == "" {
		return nil, nil
	}
	for _, k := range kinds {
		get := func(name string) string { return pod.Annotations[annotationPrefix+k.annotation+"."+name] }
		if wanted, _ := strconv.ParseBool(get("scrape")); !wanted {
			continue
		}
		fault := func(format string, args ...any) {
			faults = append(faults, annotationPrefix+k.annotation+": "+fmt.Sprintf(format, args...))
		}
		container, port, err := portOf(pod, get("port"), get("port_name"))
		if err != nil {
			fault("%v", err)
			continue
		}
		scheme, path := get("scheme"), get("path")
		if scheme == "" {
			scheme = "http"
		}
		if scheme != "http" && scheme != "https" {
			fault("scheme %q is neither http nor https", scheme)
			continue
		}
		if path == "" {
			path = k.path
		}
		if !strings.HasPrefix(path, "/") {
			fault("path %q does not begin with /", path)
			continue
		}
		address := url.URL{Scheme: scheme, Host: net.JoinHostPort(pod.IP, strconv.Itoa(port)), Path: path}
		targets = append(targets, target{pod.UID, container.Name, container.ID, k.annotation, address.String()})
	}
	return targets, faults
}

// portOf finds the port by number or name, and the container whose it is. A pod that names one port needs neither.
func portOf(pod *attribute.Pod, number, name string) (attribute.Container, int, error) {
	wanted := 0
	if number != "" {
		var err error
		if wanted, err = strconv.Atoi(number); err != nil || wanted < 1 || wanted > 65535 {
			return attribute.Container{}, 0, fmt.Errorf("port %q is not from 1 to 65535", number)
		}
	}
	ports := 0
	var container attribute.Container
	var only int
	for _, candidate := range pod.Containers {
		for _, port := range candidate.Ports {
			ports++
			container, only = candidate, port.Number
			if wanted != 0 && port.Number == wanted || wanted == 0 && name != "" && port.Name == name {
				return candidate, port.Number, nil
			}
		}
	}
	switch {
	case wanted != 0 && len(pod.Containers) > 0:
		// Ports need not be declared.
		return pod.Containers[0], wanted, nil
	case name != "":
		return attribute.Container{}, 0, fmt.Errorf("no container has a port named %q", name)
	case ports == 1:
		return container, only, nil
	}
	return attribute.Container{}, 0, fmt.Errorf("the pod has %d ports: name one by %s<type>.port or .port_name", ports, annotationPrefix)
}

func kindOf(annotation string) kind {
	for _, k := range kinds {
		if k.annotation == annotation {
			return k
		}
	}
	panic("scrape: no kind " + annotation)
}
