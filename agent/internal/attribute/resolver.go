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

// Resolver says whose a process is, and whether it is to be profiled.
type Resolver struct {
	// Pods is nil on a machine without Kubernetes.
	Pods  Pods
	Rules *Rules
}

// Resolve gives the labels of a process. With last it does not hold: what is known must do.
func (r *Resolver) Resolve(p Process, last bool) (map[string]string, Verdict) {
	labels, verdict := r.resolve(&p, last)
	if verdict == Send && p.Runtime != "" {
		if _, set := labels["runtime"]; !set {
			labels["runtime"] = p.Runtime
		}
	}
	return labels, verdict
}

func (r *Resolver) resolve(p *Process, last bool) (map[string]string, Verdict) {
	place := PlaceOf(p.Cgroup)
	if p.ContainerID == "" {
		p.ContainerID = place.ContainerID
	}
	if r.Pods == nil {
		return Labels(*p), Send
	}
	if p.ContainerID == "" && place.PodUID == "" {
		if !r.Rules.hosts() {
			return nil, Ignore
		}
		return Labels(*p), Send
	}
	pod, container, known := r.Pods.ByContainer(p.ContainerID)
	if !known && !last {
		// The kubelet tells the API server of a container after it has started.
		return nil, Hold
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
		return nil, Hold
	}
	labels, enabled := r.ResolvePod(&pod, container)
	if !enabled {
		return nil, Ignore
	}
	return labels, Send
}

// ResolvePod gives the labels of a pod's container, and whether it is to be profiled.
func (r *Resolver) ResolvePod(pod *Pod, container Container) (map[string]string, bool) {
	decision := r.Rules.decide(pod)
	if !decision.enabled {
		return nil, false
	}
	labels := LabelsOfPod(pod, container)
	for name, value := range decision.labels {
		labels[name] = value
	}
	return labels, true
}

// unknown is a container of no pod: one that the runtime made on the side, or one whose pod the API server has not told of.
// Rules that choose pods cannot choose it.
func (r *Resolver) unknown(p Process) (map[string]string, Verdict) {
	if r.Rules.chooses() {
		return nil, Ignore
	}
	return Labels(p), Send
}
