package attribute

import "strings"

// Pod is what the agent needs to know of a pod of its node.
type Pod struct {
	Namespace, Name, UID string
	IP                   string
	Running              bool
	Labels, Annotations  map[string]string
	// NamespaceAnnotations are empty where namespaces cannot be read.
	NamespaceAnnotations map[string]string
	// Workload owns the pod; its name is empty for a pod without an owner.
	Workload Workload
	// Settled is false while the owner or the namespace is still being looked up.
	Settled    bool
	Containers []Container
}

// Workload is what a pod was made for: the Deployment rather than its ReplicaSet, the CronJob rather than its Job.
type Workload struct{ Kind, Name string }

// Container of a pod.
type Container struct {
	Name, Image string
	// ID is empty until the container has been started and the API server has been told.
	ID    string
	Ports []Port
}

// Port that a container names.
type Port struct {
	Name   string
	Number int
}

// Pods is what is known of the node's pods. Nothing here waits for the API server.
type Pods interface {
	ByContainer(id string) (Pod, Container, bool)
	ByUID(uid string) (Pod, bool)
}

// Annotations of ours; the first is looked at on namespaces too.
const (
	AnnotationEnabled     = "profiling.brazier.dev/enabled"
	AnnotationServiceName = "profiling.brazier.dev/service-name"
	AnnotationRate        = "profiling.brazier.dev/rate"
)

// serviceOfPod takes the first name that somebody has given.
func serviceOfPod(pod *Pod, container string) string {
	for _, name := range []string{
		pod.Annotations[AnnotationServiceName],
		pod.Annotations["pyroscope.io/service_name"],
		pod.Labels["app.kubernetes.io/name"],
		pod.Workload.Name,
	} {
		if name != "" {
			return name
		}
	}
	if container == "" {
		return pod.Namespace + "/" + pod.Name
	}
	return pod.Namespace + "/" + container
}

// versionOf prefers what the pod says; the tag of an image is the next best. A digest alone is no version that a person would look for.
func versionOf(pod *Pod, image string) string {
	if version := pod.Labels["app.kubernetes.io/version"]; version != "" {
		return version
	}
	name, _, _ := strings.Cut(image, "@")
	// A colon before the last slash belongs to the registry's port.
	_, tag, _ := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":")
	return tag
}

// LabelsOfPod gives the labels of what runs in a container. The container may be unknown (empty).
func LabelsOfPod(pod *Pod, container Container) map[string]string {
	labels := map[string]string{
		"namespace": pod.Namespace, "pod": pod.Name, "service_name": serviceOfPod(pod, container.Name),
	}
	set := func(name, value string) {
		if value != "" {
			labels[name] = value
		}
	}
	set("container", container.Name)
	set("workload_kind", strings.ToLower(pod.Workload.Kind))
	set("workload", pod.Workload.Name)
	set("version", versionOf(pod, container.Image))
	return labels
}
