package kube

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"brazier.dev/agent/internal/attribute"
)

/*
 * An API server that lists and watches pods and answers for the metadata of owners, over HTTP, so that the real client is tested.
 * It can refuse rights and be away.
 */

type apiServer struct {
	*httptest.Server
	mutex     sync.Mutex
	pods      map[string]*corev1.Pod
	watches   map[chan watchEvent]bool
	metadata  map[string]metav1.ObjectMeta
	forbidden bool
	away      bool
	selectors []string
	version   int
}

type watchEvent struct {
	Type   string      `json:"type"`
	Object *corev1.Pod `json:"object"`
}

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{pods: map[string]*corev1.Pod{}, watches: map[chan watchEvent]bool{}, metadata: map[string]metav1.ObjectMeta{}, version: 1}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *apiServer) answer(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	away, forbidden := s.away, s.forbidden
	s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case away:
		http.Error(w, `{"kind":"Status","code":503}`, http.StatusServiceUnavailable)
	case r.URL.Path != "/api/v1/pods" && forbidden:
		http.Error(w, `{"kind":"Status","code":403}`, http.StatusForbidden)
	case r.URL.Path != "/api/v1/pods":
		s.mutex.Lock()
		found, ok := s.metadata[r.URL.Path]
		s.mutex.Unlock()
		if !ok {
			http.Error(w, `{"kind":"Status","code":404}`, http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(metav1.PartialObjectMetadata{ObjectMeta: found})
	case r.URL.Query().Get("watch") != "":
		s.watch(w, r)
	default:
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.selectors = append(s.selectors, r.URL.Query().Get("fieldSelector"))
		list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
		for _, pod := range s.pods {
			list.Items = append(list.Items, *pod)
		}
		_ = json.NewEncoder(w).Encode(list)
	}
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`, http.StatusUnprocessableEntity)
		return
	}
	events := make(chan watchEvent, 64)
	s.mutex.Lock()
	s.watches[events] = true
	// What came between the list and the watch.
	for _, pod := range s.pods {
		events <- watchEvent{"ADDED", pod.DeepCopy()}
	}
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		delete(s.watches, events)
		s.mutex.Unlock()
	}()
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	encoder := json.NewEncoder(w)
	for {
		select {
		case <-r.Context().Done():
			return
		case event, open := <-events:
			if !open || encoder.Encode(event) != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

func (s *apiServer) tell(kind string, pod *corev1.Pod) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.version++
	pod.TypeMeta = metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}
	pod.ResourceVersion = "2"
	if kind == "DELETED" {
		delete(s.pods, string(pod.UID))
	} else {
		s.pods[string(pod.UID)] = pod
	}
	for events := range s.watches {
		events <- watchEvent{kind, pod.DeepCopy()}
	}
}

// goAway ends the open watches and refuses everything until told otherwise.
func (s *apiServer) goAway(away bool) {
	s.mutex.Lock()
	s.away = away
	s.mutex.Unlock()
	if away {
		s.CloseClientConnections()
	}
}

func startWatcher(t *testing.T, s *apiServer) *Watcher {
	t.Helper()
	watcher, err := newWatcher(&rest.Config{Host: s.URL}, Options{Node: "n1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); watcher.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return watcher
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func id(digit string) string { return strings.Repeat(digit, 64) }

func pod(name, owner, ownerName, container string) *corev1.Pod {
	yes := true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "prod", UID: types.UID("uid-" + name), Labels: map[string]string{"pod-template-hash": "5f7d"}},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{
			Name: "main", Image: "shop:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 6060}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.7"},
	}
	if owner != "" {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: ownerName, Controller: &yes}}
	}
	if container != "" {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", ContainerID: "containerd://" + container}}
	}
	return p
}

func owned(kind, name string) metav1.ObjectMeta {
	yes := true
	return metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}}
}

func TestPodsAreFollowedToTheirWorkloads(t *testing.T) {
	s := newAPIServer(t)
	s.metadata["/apis/apps/v1/namespaces/prod/replicasets/shop-5f7d"] = owned("Deployment", "shop")
	s.metadata["/apis/apps/v1/namespaces/prod/replicasets/canary-5f7d"] = owned("Rollout", "canary")
	s.metadata["/apis/batch/v1/namespaces/prod/jobs/backup-28000000"] = owned("CronJob", "backup")
	s.metadata["/apis/batch/v1/namespaces/prod/jobs/once-20240101"] = metav1.ObjectMeta{}
	s.metadata["/api/v1/namespaces/prod"] = metav1.ObjectMeta{Annotations: map[string]string{attribute.AnnotationEnabled: "false"}}
	s.tell("ADDED", pod("listed", "ReplicaSet", "shop-5f7d", id("1")))
	watcher := startWatcher(t, s)
	for digit, test := range map[string]struct {
		kind, name string
		want       attribute.Workload
	}{
		"2": {"ReplicaSet", "shop-5f7d", attribute.Workload{Kind: "Deployment", Name: "shop"}},
		"3": {"ReplicaSet", "canary-5f7d", attribute.Workload{Kind: "Rollout", Name: "canary"}},
		"4": {"Job", "backup-28000000", attribute.Workload{Kind: "CronJob", Name: "backup"}},
		"5": {"Job", "once-20240101", attribute.Workload{Kind: "Job", Name: "once-20240101"}},
		"6": {"StatefulSet", "db", attribute.Workload{Kind: "StatefulSet", Name: "db"}},
		"7": {"DaemonSet", "log", attribute.Workload{Kind: "DaemonSet", Name: "log"}},
		"8": {"", "", attribute.Workload{}},
		"9": {"Node", "n1", attribute.Workload{}},
	} {
		eventually(t, "the list", watcher.Synced)
		s.tell("ADDED", pod("p"+digit, test.kind, test.name, id(digit)))
		var found attribute.Pod
		eventually(t, test.kind+" "+test.name, func() bool {
			var ok bool
			found, _, ok = watcher.ByContainer(id(digit))
			return ok && found.Settled
		})
		if found.Workload != test.want || found.NamespaceAnnotations[attribute.AnnotationEnabled] != "false" {
			t.Errorf("%s %s: got %+v %v", test.kind, test.name, found.Workload, found.NamespaceAnnotations)
		}
	}
	if _, container, ok := watcher.ByContainer(id("1")); !ok || container.Name != "main" || container.Ports[0] != (attribute.Port{Name: "http", Number: 6060}) {
		t.Errorf("the pod of the first list: %+v %v", container, ok)
	}
	if s.selectors[0] != "spec.nodeName=n1" {
		t.Errorf("asked for the pods of %q", s.selectors[0])
	}
}

func TestWithTheLeastRights(t *testing.T) {
	s := newAPIServer(t)
	s.forbidden = true
	s.tell("ADDED", pod("a", "ReplicaSet", "shop-5f7d", id("a")))
	s.tell("ADDED", pod("b", "Job", "backup-28000000", id("b")))
	watcher := startWatcher(t, s)
	for digit, want := range map[string]attribute.Workload{"a": {Kind: "Deployment", Name: "shop"}, "b": {Kind: "CronJob", Name: "backup"}} {
		eventually(t, "settled without rights", func() bool {
			found, _, ok := watcher.ByContainer(id(digit))
			return ok && found.Settled && found.Workload == want
		})
	}
}

func TestContainersOfLateAndGonePods(t *testing.T) {
	s := newAPIServer(t)
	watcher := startWatcher(t, s)
	eventually(t, "the list", watcher.Synced)
	s.tell("ADDED", pod("late", "StatefulSet", "db", ""))
	eventually(t, "known by uid", func() bool { _, ok := watcher.ByUID("uid-late"); return ok })
	if _, _, ok := watcher.ByContainer(id("c")); ok {
		t.Error("no container has been told of")
	}
	s.tell("MODIFIED", pod("late", "StatefulSet", "db", id("c")))
	eventually(t, "known by container", func() bool { _, _, ok := watcher.ByContainer(id("c")); return ok })
	s.tell("MODIFIED", pod("late", "StatefulSet", "db", id("d")))
	eventually(t, "restarted", func() bool { _, _, ok := watcher.ByContainer(id("d")); return ok })
	s.tell("DELETED", pod("late", "StatefulSet", "db", id("d")))
	eventually(t, "gone", func() bool { return len(watcher.All()) == 0 })
	for _, digit := range []string{"c", "d"} {
		if found, _, ok := watcher.ByContainer(id(digit)); !ok || found.Name != "late" {
			t.Error("the last samples of a pod come after its end")
		}
	}
}

func TestTheAPIServerGoesAwayAndComesBack(t *testing.T) {
	s := newAPIServer(t)
	s.tell("ADDED", pod("old", "StatefulSet", "db", id("a")))
	watcher := startWatcher(t, s)
	eventually(t, "the list", watcher.Synced)
	s.goAway(true)
	s.tell("ADDED", pod("new", "StatefulSet", "db", id("b")))
	if _, _, ok := watcher.ByContainer(id("a")); !ok {
		t.Error("what is known must stay known")
	}
	s.goAway(false)
	eventually(t, "the pod that came meanwhile", func() bool { _, _, ok := watcher.ByContainer(id("b")); return ok })
}

func TestAStaticPodIsFoundByTheHashOfItsFile(t *testing.T) {
	s := newAPIServer(t)
	static := pod("etcd-n1", "Node", "n1", id("e"))
	static.Annotations = map[string]string{"kubernetes.io/config.mirror": "cafe", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	s.tell("ADDED", static)
	watcher := startWatcher(t, s)
	eventually(t, "known by hash", func() bool { _, ok := watcher.ByUID("cafe"); return ok })
	eventually(t, "known by uid", func() bool { _, ok := watcher.ByUID("uid-etcd-n1"); return ok })
	if pods := watcher.All(); len(pods) != 1 || len(pods[0].Annotations) != 0 {
		t.Errorf("got %+v", pods)
	}
}
