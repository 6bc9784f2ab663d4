package kube

import (
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"brazier.dev/agent/internal/attribute"
)

// knownPod is a pod with what is needed to find its workload.
type knownPod struct {
	pod   attribute.Pod
	owner *metav1.OwnerReference
}

// store takes what a reflector tells, and keeps of each pod only what is needed: a pod's full object is several kilobytes.
//
// Pods that have been deleted are kept for one generation more, because their last samples are attributed after that.
type store struct {
	mutex      sync.RWMutex
	pods       map[string]*knownPod // by uid
	containers map[string]*knownPod // by container id
	gone       []string             // uids, oldest first
	listed     chan struct{}
	once       sync.Once
}

// goneMax is how many deleted pods are remembered: a node runs 110 by default.
const goneMax = 256

func newStore() *store {
	return &store{pods: map[string]*knownPod{}, containers: map[string]*knownPod{}, listed: make(chan struct{})}
}

func (s *store) byContainer(id string) (*knownPod, attribute.Container, bool) {
	if id == "" {
		return nil, attribute.Container{}, false
	}
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	pod, ok := s.containers[id]
	if !ok {
		return nil, attribute.Container{}, false
	}
	for _, container := range pod.pod.Containers {
		if container.ID == id {
			return pod, container, true
		}
	}
	// An earlier run of a container that has been started again.
	return pod, attribute.Container{}, true
}

func (s *store) byUID(uid string) (*knownPod, bool) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	pod, ok := s.pods[uid]
	return pod, ok && uid != ""
}

// all gives the pods that have not been deleted.
func (s *store) all() []*knownPod {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	gone := map[string]bool{}
	for _, uid := range s.gone {
		gone[uid] = true
	}
	var pods []*knownPod
	for uid, pod := range s.pods {
		// A static pod is known by two uids, and is listed by the one of its object.
		if !gone[uid] && pod.pod.UID == uid {
			pods = append(pods, pod)
		}
	}
	return pods
}

func (s *store) size() int { return len(s.all()) }

func (s *store) put(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	known := keep(pod)
	for _, uid := range uidsOf(pod) {
		s.pods[uid] = known
	}
	for _, container := range known.pod.Containers {
		if container.ID != "" {
			s.containers[container.ID] = known
		}
	}
}

func (s *store) bury(uid string) {
	s.gone = append(s.gone, uid)
	for len(s.gone) > goneMax {
		s.forget(s.gone[0])
		s.gone = s.gone[1:]
	}
}

func (s *store) forget(uid string) {
	known := s.pods[uid]
	for key, pod := range s.pods {
		if pod == known {
			delete(s.pods, key)
		}
	}
	for id, pod := range s.containers {
		if pod.pod.UID == uid {
			delete(s.containers, id)
		}
	}
}

// uidsOf gives the ids by which control groups may name a pod: a static pod's are named by the hash of its file.
func uidsOf(pod *corev1.Pod) []string {
	uids := []string{string(pod.UID)}
	if hash := pod.Annotations["kubernetes.io/config.mirror"]; hash != "" {
		uids = append(uids, hash)
	}
	return uids
}

func keep(pod *corev1.Pod) *knownPod {
	known := &knownPod{owner: metav1.GetControllerOfNoCopy(pod)}
	known.pod = attribute.Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID), IP: pod.Status.PodIP,
		Running: pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil,
		Labels:  pod.Labels, Annotations: annotationsOf(pod),
	}
	ids := map[string]string{}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for _, status := range statuses {
			ids[status.Name] = plainID(status.ContainerID)
		}
	}
	add := func(name, image string, ports []corev1.ContainerPort) {
		container := attribute.Container{Name: name, Image: image, ID: ids[name]}
		for _, port := range ports {
			container.Ports = append(container.Ports, attribute.Port{Name: port.Name, Number: int(port.ContainerPort)})
		}
		known.pod.Containers = append(known.pod.Containers, container)
	}
	for _, container := range pod.Spec.Containers {
		add(container.Name, container.Image, container.Ports)
	}
	for _, container := range pod.Spec.InitContainers {
		add(container.Name, container.Image, container.Ports)
	}
	for _, container := range pod.Spec.EphemeralContainers {
		add(container.Name, container.Image, container.Ports)
	}
	return known
}

// annotationsOf leaves out what is large and never read, like the configuration that kubectl leaves there.
func annotationsOf(pod *corev1.Pod) map[string]string {
	kept := map[string]string{}
	for name, value := range pod.Annotations {
		for _, prefix := range []string{"profiling.brazier.dev/", "profiles.grafana.com/", "pyroscope.io/"} {
			if strings.HasPrefix(name, prefix) {
				kept[name] = value
			}
		}
	}
	return kept
}

// plainID strips the runtime's name: containerd://, docker://, cri-o://.
func plainID(id string) string {
	if _, plain, ok := strings.Cut(id, "://"); ok {
		return plain
	}
	return id
}

// The following are what a reflector asks of a store.

func (s *store) Add(object any) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.put(object)
	return nil
}

func (s *store) Update(object any) error { return s.Add(object) }

func (s *store) Delete(object any) error {
	if pod, ok := object.(*corev1.Pod); ok {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.bury(string(pod.UID))
	}
	return nil
}

func (s *store) Replace(objects []any, _ string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := map[string]bool{}
	for _, object := range objects {
		if pod, ok := object.(*corev1.Pod); ok {
			listed[string(pod.UID)] = true
		}
		s.put(object)
	}
	gone := map[string]bool{}
	for _, uid := range s.gone {
		gone[uid] = true
	}
	for uid, pod := range s.pods {
		if pod.pod.UID == uid && !listed[uid] && !gone[uid] {
			s.bury(uid)
		}
	}
	s.once.Do(func() { close(s.listed) })
	return nil
}

func (s *store) Resync() error { return nil }

var _ cache.ReflectorStore = (*store)(nil)
