// Package kube knows the pods of one node: a watch with as few rights as possible (list and watch of pods; get of ReplicaSets, Jobs and
// namespaces where that is granted), that goes on with what it knows while the API server is away.
package kube

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"brazier.dev/agent/internal/attribute"
)

// Options of a watcher.
type Options struct {
	// Node whose pods are watched.
	Node string
	// Kubeconfig is a file; empty for the service account of the pod that the agent runs in.
	Kubeconfig string
	Log        *slog.Logger
}

// InCluster tells whether this process runs in a pod.
func InCluster() bool { return os.Getenv("KUBERNETES_SERVICE_HOST") != "" }

// Watcher keeps what is known of the node's pods.
type Watcher struct {
	node    string
	log     *slog.Logger
	client  *rest.RESTClient
	lookups *lookups
	store   *store
	synced  atomic.Bool
}

// New makes a watcher. The API server is not asked before Run.
func New(options Options) (*Watcher, error) {
	config, err := configOf(options.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return newWatcher(config, options)
}

func configOf(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("kubernetes: the service account of the pod cannot be used: %w; mount its token, or give --kubeconfig", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return config, nil
}

func newWatcher(config *rest.Config, options Options) (*Watcher, error) {
	// client-go logs by itself otherwise, in another form.
	klog.SetSlogLogger(options.Log.With("part", "kubernetes"))
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	config = rest.CopyConfig(config)
	config.UserAgent = "brazier-agent"
	plain, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	base := strings.TrimSuffix(client.Get().AbsPath("/").URL().String(), "/")
	return &Watcher{
		node: options.Node, log: options.Log, client: client, store: newStore(),
		lookups: newLookups(func(ctx context.Context, path string) (metadata, error) { return fetchMetadata(ctx, plain, base+path) }, time.Now, options.Log),
	}, nil
}

// Run watches until the context ends. It retries by itself; what is known stays known meanwhile.
func (w *Watcher) Run(ctx context.Context) {
	go w.lookups.run(ctx)
	selector := fields.OneTermEqualSelector("spec.nodeName", w.node).String()
	source := cache.NewFilteredListWatchFromClient(w.client, "pods", metav1.NamespaceAll, func(options *metav1.ListOptions) {
		options.FieldSelector = selector
	})
	reflector := cache.NewReflectorWithOptions(source, &corev1.Pod{}, w.store, cache.ReflectorOptions{
		Name: "pods of " + w.node, TypeDescription: "pods",
	})
	go w.sayWhenSynced(ctx)
	reflector.RunWithContext(ctx)
}

// sayWhenSynced notes the first full list, and says it when there is none.
func (w *Watcher) sayWhenSynced(ctx context.Context) {
	warn := time.NewTimer(30 * time.Second)
	defer warn.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.store.listed:
			w.synced.Store(true)
			w.log.Info("the pods of the node are known", "node", w.node, "pods", w.store.size())
			return
		case <-warn.C:
			w.log.Warn("the API server has not told of the node's pods; containers go by their id until it does",
				"node", w.node, "remedy", "check that it can be reached, and that list and watch of pods are granted")
		}
	}
}

// Synced tells whether the pods of the node have been listed once.
func (w *Watcher) Synced() bool { return w.synced.Load() }

// ByContainer finds the pod of a container by the runtime's id of it.
func (w *Watcher) ByContainer(id string) (attribute.Pod, attribute.Container, bool) {
	pod, container, ok := w.store.byContainer(id)
	if !ok {
		return attribute.Pod{}, attribute.Container{}, false
	}
	return w.settle(pod), container, true
}

// ByUID finds a pod by the uid that its control groups are named by.
func (w *Watcher) ByUID(uid string) (attribute.Pod, bool) {
	pod, ok := w.store.byUID(uid)
	if !ok {
		return attribute.Pod{}, false
	}
	return w.settle(pod), true
}

// All gives the pods of the node.
func (w *Watcher) All() []attribute.Pod {
	var pods []attribute.Pod
	for _, pod := range w.store.all() {
		pods = append(pods, w.settle(pod))
	}
	return pods
}

// settle adds what other objects say: who owns the owner, and the annotations of the namespace.
func (w *Watcher) settle(known *knownPod) attribute.Pod {
	pod := known.pod
	owner, ownerSettled := w.lookups.workload(known)
	annotations, namespaceSettled := w.lookups.namespace(pod.Namespace)
	pod.Workload, pod.NamespaceAnnotations = owner, annotations
	pod.Settled = ownerSettled && namespaceSettled
	return pod
}

var _ attribute.Pods = (*Watcher)(nil)

// httpClient is what lookups need of a client.
type httpClient interface {
	Do(*http.Request) (*http.Response, error)
}
