package attribute

// Verdict is what to do with the samples of a process.
type Verdict int

const (
	// Send them under the labels.
	Send Verdict = iota
	// Hold them for an interval: more will be known then.
	Hold
	// Ignore them: somebody said that this is not to be profiled.
	Ignore
)

// Resolution is what is done with the samples of a process.
type Resolution struct {
	Verdict Verdict
	Labels  map[string]string
	// Rate is how many samples a second of each CPU are wanted of it; 0 for as many as are taken.
	Rate float64
}

// Resolver says whose a process is, and whether it is to be profiled.
type Resolver struct {
	// Pods is nil on a machine without Kubernetes.
	Pods  Pods
	Rules *Rules
}

// Resolve says what is done with a process. With last it does not hold: what is known must do.
func (r *Resolver) Resolve(p Process, last bool) Resolution {
	resolution := r.resolve(&p, last)
	if resolution.Verdict == Send && p.Runtime != "" {
		if _, set := resolution.Labels["runtime"]; !set {
			resolution.Labels["runtime"] = p.Runtime
		}
	}
	return resolution
}

func (r *Resolver) resolve(p *Process, last bool) Resolution {
	place := PlaceOf(p.Cgroup)
	if p.ContainerID == "" {
		p.ContainerID = place.ContainerID
	}
	if r.Pods == nil {
		return Resolution{Verdict: Send, Labels: Labels(*p)}
	}
	if p.ContainerID == "" && place.PodUID == "" {
		if !r.Rules.hosts() {
			return Resolution{Verdict: Ignore}
		}
		return Resolution{Verdict: Send, Labels: Labels(*p)}
	}
	pod, container, known := r.Pods.ByContainer(p.ContainerID)
	if !known && !last {
		// The kubelet tells the API server of a container after it has started.
		return Resolution{Verdict: Hold}
	}
	if !known {
		// The pod may be known before its container's id is.
		if pod, known = r.Pods.ByUID(place.PodUID); !known {
			return r.unknown(*p)
		}
		if len(pod.Containers) == 1 {
			container = pod.Containers[0]
		}
	}
	if !pod.Settled && !last {
		return Resolution{Verdict: Hold}
	}
	decision := r.Rules.decide(&pod)
	if !decision.enabled {
		return Resolution{Verdict: Ignore}
	}
	return Resolution{Verdict: Send, Labels: decision.labelsOf(&pod, container), Rate: decision.rate}
}

// ResolvePod gives the labels of a pod's container, and whether it is to be profiled.
func (r *Resolver) ResolvePod(pod *Pod, container Container) (map[string]string, bool) {
	decision := r.Rules.decide(pod)
	if !decision.enabled {
		return nil, false
	}
	return decision.labelsOf(pod, container), true
}

func (d decision) labelsOf(pod *Pod, container Container) map[string]string {
	labels := LabelsOfPod(pod, container)
	for name, value := range d.labels {
		labels[name] = value
	}
	return labels
}

// unknown is a container of no pod: one that the runtime made on the side, or one whose pod the API server has not told of.
// Rules that choose pods cannot choose it.
func (r *Resolver) unknown(p Process) Resolution {
	if r.Rules.chooses() {
		return Resolution{Verdict: Ignore}
	}
	return Resolution{Verdict: Send, Labels: Labels(p)}
}
