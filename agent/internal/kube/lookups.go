package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"brazier.dev/agent/internal/attribute"
)

// metadata is all that is read of ReplicaSets, Jobs and namespaces.
type metadata = metav1.ObjectMeta

const (
	// namespaceFresh is how long the annotations of a namespace are taken as they are.
	namespaceFresh = time.Minute
	// failedFresh is how long a lookup that failed is not tried again.
	failedFresh = 30 * time.Second
	// knownMax bounds what is remembered; owners are of pods of one node.
	knownMax = 4096
)

// errForbidden: the right is not granted, and asking again would change nothing soon.
var errForbidden = errors.New("forbidden")

// lookups asks for the metadata of other objects, one at a time and never on the caller's path.
type lookups struct {
	fetch func(ctx context.Context, path string) (metadata, error)
	now   func() time.Time
	log   *slog.Logger

	mutex  sync.Mutex
	known  map[string]*lookup
	wanted chan string
	denied map[string]bool
}

type lookup struct {
	// found is nil while nothing has been answered.
	found   *metadata
	settled bool
	until   time.Time
	asked   bool
}

func newLookups(fetch func(context.Context, string) (metadata, error), now func() time.Time, log *slog.Logger) *lookups {
	return &lookups{
		fetch: fetch, now: now, log: log, known: map[string]*lookup{}, wanted: make(chan string, 1024), denied: map[string]bool{},
	}
}

func (l *lookups) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case path := <-l.wanted:
			l.look(ctx, path)
		}
	}
}

func (l *lookups) look(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found, err := l.fetch(ctx, path)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	item := l.known[path]
	if item == nil {
		return
	}
	item.asked, item.settled = false, true
	if err != nil {
		item.until = l.now().Add(failedFresh)
		if kind := kindOf(path); errors.Is(err, errForbidden) && !l.denied[kind] {
			l.denied[kind] = true
			l.log.Info("metadata may not be read; names are guessed where that is possible", "resource", kind)
		}
		return
	}
	item.found = &found
	item.until = l.now().Add(namespaceFresh)
}

// get gives what is known of an object, and has it looked up in the background when that is nothing or old.
func (l *lookups) get(path string, stale bool) (found *metadata, settled bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	item := l.known[path]
	if item == nil {
		if len(l.known) >= knownMax {
			clear(l.known) // everything in use is asked for again within an interval
		}
		item = &lookup{}
		l.known[path] = item
	}
	old := !item.settled || (item.found == nil || stale) && l.now().After(item.until)
	if old && !item.asked {
		select {
		case l.wanted <- path:
			item.asked = true
		default:
		}
	}
	return item.found, item.settled
}

// workload climbs from the pod's owner to what a person has made. Where that cannot be looked up, names are taken apart.
func (l *lookups) workload(pod *knownPod) (attribute.Workload, bool) {
	owner := pod.owner
	if owner == nil {
		return attribute.Workload{}, true
	}
	direct := attribute.Workload{Kind: owner.Kind, Name: owner.Name}
	var path string
	switch owner.Kind {
	case "ReplicaSet":
		path = fmt.Sprintf("/apis/apps/v1/namespaces/%s/replicasets/%s", pod.pod.Namespace, owner.Name)
	case "Job":
		path = fmt.Sprintf("/apis/batch/v1/namespaces/%s/jobs/%s", pod.pod.Namespace, owner.Name)
	case "Node":
		// A static pod: its owner is the node that it is on.
		return attribute.Workload{}, true
	default:
		return direct, true
	}
	found, settled := l.get(path, false)
	if found == nil {
		return guess(direct, pod.pod.Labels), settled
	}
	if above := metav1.GetControllerOfNoCopy(found); above != nil {
		return attribute.Workload{Kind: above.Kind, Name: above.Name}, true
	}
	return direct, true
}

var cronJobRun = regexp.MustCompile(`^(.+)-\d{8,10}$`)

// guess uses how controllers make names: a Deployment's ReplicaSet ends in the hash that is a label of the pod, a CronJob's Job in the
// minutes since 1970.
func guess(direct attribute.Workload, labels map[string]string) attribute.Workload {
	if hash := labels["pod-template-hash"]; direct.Kind == "ReplicaSet" && hash != "" {
		if name, ok := strings.CutSuffix(direct.Name, "-"+hash); ok {
			return attribute.Workload{Kind: "Deployment", Name: name}
		}
	}
	if match := cronJobRun.FindStringSubmatch(direct.Name); direct.Kind == "Job" && match != nil {
		return attribute.Workload{Kind: "CronJob", Name: match[1]}
	}
	return direct
}

// namespace gives the annotations of a namespace, none where it may not be read.
func (l *lookups) namespace(name string) (map[string]string, bool) {
	found, settled := l.get("/api/v1/namespaces/"+name, true)
	if found == nil {
		return nil, settled
	}
	return found.Annotations, true
}

func kindOf(path string) string {
	parts := strings.Split(path, "/")
	return parts[len(parts)-2]
}

// answerMax bounds an answer: objects are at most 1.5 MB in etcd, and this is their metadata.
const answerMax = 2 << 20

// fetchMetadata asks for an object's metadata alone.
func fetchMetadata(ctx context.Context, client httpClient, url string) (metadata, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return metadata{}, err
	}
	request.Header.Set("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json")
	response, err := client.Do(request)
	if err != nil {
		return metadata{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	switch {
	case err != nil:
		return metadata{}, err
	case response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized:
		return metadata{}, errForbidden
	case response.StatusCode != http.StatusOK:
		return metadata{}, fmt.Errorf("%s answered %d", url, response.StatusCode)
	}
	var object struct {
		Metadata metadata `json:"metadata"`
	}
	if err := json.Unmarshal(body, &object); err != nil {
		return metadata{}, err
	}
	return object.Metadata, nil
}
