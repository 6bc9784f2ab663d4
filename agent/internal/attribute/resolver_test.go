package attribute

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brazier.dev/agent/internal/sample"
)

const (
	testID  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	testUID = "8ac1c3d2-1f0b-4c56-9b3e-0f4a7d1e2b3c"
)

var inPod = Process{PID: 7, Exe: "/app/shop", Cgroup: "0::/kubepods/pod" + testUID + "/" + testID + "\n", Runtime: "go"}

// fakePods is what an API server has told so far.
type fakePods map[string]Pod

func (f fakePods) ByUID(uid string) (Pod, bool) { pod, ok := f[uid]; return pod, ok }

func (f fakePods) ByContainer(id string) (Pod, Container, bool) {
	for _, pod := range f {
		for _, container := range pod.Containers {
			if container.ID == id {
				return pod, container, true
			}
		}
	}
	return Pod{}, Container{}, false
}

func shopPod(change func(*Pod)) Pod {
	pod := Pod{
		Namespace: "prod", Name: "shop-5f7d-x2x", UID: testUID, Settled: true, Running: true,
		Labels: map[string]string{"app": "shop"}, Annotations: map[string]string{}, NamespaceAnnotations: map[string]string{},
		Workload:   Workload{"Deployment", "shop"},
		Containers: []Container{{Name: "main", Image: "registry:5000/shop:1.4.2", ID: testID}},
	}
	if change != nil {
		change(&pod)
	}
	return pod
}

func TestLabelsOfAPod(t *testing.T) {
	whole := map[string]string{
		"namespace": "prod", "pod": "shop-5f7d-x2x", "container": "main", "workload_kind": "deployment", "workload": "shop",
		"service_name": "shop", "version": "1.4.2", "runtime": "go",
	}
	with := func(more map[string]string) map[string]string {
		labels := maps.Clone(whole)
		maps.Copy(labels, more)
		for name, value := range labels {
			if value == "" {
				delete(labels, name)
			}
		}
		return labels
	}
	for name, test := range map[string]struct {
		change func(*Pod)
		labels map[string]string
	}{
		"owner's name": {nil, whole},
		"our annotation is first": {func(p *Pod) {
			p.Annotations[AnnotationServiceName] = "a"
			p.Annotations["pyroscope.io/service_name"] = "b"
		}, with(map[string]string{"service_name": "a"})},
		"Pyroscope's annotation": {func(p *Pod) {
			p.Annotations["pyroscope.io/service_name"] = "b"
			p.Labels["app.kubernetes.io/name"] = "c"
		}, with(map[string]string{"service_name": "b"})},
		"the recommended label": {func(p *Pod) { p.Labels["app.kubernetes.io/name"] = "c" }, with(map[string]string{"service_name": "c"})},
		"no owner":              {func(p *Pod) { p.Workload = Workload{} }, with(map[string]string{"service_name": "prod/main", "workload": "", "workload_kind": ""})},
		"version by label":      {func(p *Pod) { p.Labels["app.kubernetes.io/version"] = "2.0" }, with(map[string]string{"version": "2.0"})},
		"image without tag":     {func(p *Pod) { p.Containers[0].Image = "registry:5000/shop" }, with(map[string]string{"version": ""})},
		"tag and digest":        {func(p *Pod) { p.Containers[0].Image = "shop:3@sha256:00ff" }, with(map[string]string{"version": "3"})},
		"digest alone":          {func(p *Pod) { p.Containers[0].Image = "shop@sha256:00ff" }, with(map[string]string{"version": ""})},
	} {
		t.Run(name, func(t *testing.T) {
			labels, verdict := parts((&Resolver{Pods: fakePods{testUID: shopPod(test.change)}}).Resolve(inPod, false))
			if verdict != Send || !maps.Equal(labels, test.labels) {
				t.Errorf("got %v %v", labels, verdict)
			}
		})
	}
}

func TestPodMetadataThatIsLateOrNeverComes(t *testing.T) {
	pods := fakePods{}
	resolver := &Resolver{Pods: pods}
	if labels, verdict := parts(resolver.Resolve(inPod, false)); verdict != Hold {
		t.Errorf("an unknown container must be held for an interval, got %v %v", labels, verdict)
	}
	if labels, verdict := parts(resolver.Resolve(inPod, true)); verdict != Send || labels["container"] != testID[:12] || labels["service_name"] != "shop" {
		t.Errorf("after that it goes as well as it is known, got %v %v", labels, verdict)
	}
	// The pod is known before the id of its container.
	pods[testUID] = shopPod(func(p *Pod) { p.Containers[0].ID = "" })
	if _, verdict := parts(resolver.Resolve(inPod, false)); verdict != Hold {
		t.Errorf("the container may still become known, got %v", verdict)
	}
	if labels, verdict := parts(resolver.Resolve(inPod, true)); verdict != Send || labels["pod"] != "shop-5f7d-x2x" || labels["container"] != "main" {
		t.Errorf("the only container of the pod it is, got %v %v", labels, verdict)
	}
	pods[testUID] = shopPod(func(p *Pod) { p.Settled = false })
	if _, verdict := parts(resolver.Resolve(inPod, false)); verdict != Hold {
		t.Errorf("the owner is being looked up, got %v", verdict)
	}
	pods[testUID] = shopPod(nil)
	if labels, verdict := parts(resolver.Resolve(inPod, false)); verdict != Send || labels["workload"] != "shop" {
		t.Errorf("got %v %v", labels, verdict)
	}
}

func TestWhichPodsAreProfiled(t *testing.T) {
	off := func(p *Pod) { p.Annotations[AnnotationEnabled] = "false" }
	on := func(p *Pod) { p.Annotations[AnnotationEnabled] = "true" }
	for name, test := range map[string]struct {
		settings RuleSettings
		policies string
		change   func(*Pod)
		want     Verdict
	}{
		"everything by default":                {want: Send},
		"a pod says no":                        {change: off, want: Ignore},
		"a namespace says no":                  {change: func(p *Pod) { p.NamespaceAnnotations[AnnotationEnabled] = "false" }, want: Ignore},
		"a pod says yes in a namespace of no":  {change: func(p *Pod) { on(p); p.NamespaceAnnotations[AnnotationEnabled] = "false" }, want: Send},
		"what is neither yes nor no":           {change: func(p *Pod) { p.Annotations[AnnotationEnabled] = "perhaps" }, want: Send},
		"opt-in without a word":                {settings: RuleSettings{OptIn: true}, want: Ignore},
		"opt-in, the pod asks":                 {settings: RuleSettings{OptIn: true}, change: on, want: Send},
		"opt-in, the namespace asks":           {settings: RuleSettings{OptIn: true}, change: func(p *Pod) { p.NamespaceAnnotations[AnnotationEnabled] = "true" }, want: Send},
		"another namespace is selected":        {settings: RuleSettings{Namespaces: []string{"test"}}, want: Ignore},
		"its namespace is selected":            {settings: RuleSettings{Namespaces: []string{"prod"}}, want: Send},
		"the selector does not match":          {settings: RuleSettings{PodSelector: "app in (web)"}, want: Ignore},
		"the selector matches":                 {settings: RuleSettings{PodSelector: "app=shop"}, want: Send},
		"excluded namespace, whatever it says": {settings: RuleSettings{ExcludeNamespaces: []string{"prod"}}, change: on, want: Ignore},
		"excluded by label, whatever it says":  {settings: RuleSettings{ExcludePodSelector: "app"}, change: on, want: Ignore},
		"a policy says no":                     {policies: "- {namespace: prod, enabled: false}", want: Ignore},
		"the first policy counts":              {policies: "- {selector: app=shop}\n- {enabled: false}", want: Send},
		"a policy of another namespace":        {policies: "- {namespace: test, enabled: false}", want: Send},
		"opt-in, a policy asks":                {settings: RuleSettings{OptIn: true}, policies: "- {namespace: prod}", want: Send},
		"the pod has the last word":            {policies: "- {enabled: false}", change: on, want: Send},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := NewRules(test.settings)
			if err != nil {
				t.Fatal(err)
			}
			policies, err := ParsePolicies([]byte(test.policies))
			if err != nil {
				t.Fatal(err)
			}
			rules.SetPolicies(policies)
			resolver := &Resolver{Pods: fakePods{testUID: shopPod(test.change)}, Rules: rules}
			if _, verdict := parts(resolver.Resolve(inPod, false)); verdict != test.want {
				t.Errorf("got %v, want %v", verdict, test.want)
			}
		})
	}
}

func TestWhichRateIsWanted(t *testing.T) {
	annotated := func(rate string) func(*Pod) { return func(p *Pod) { p.Annotations[AnnotationRate] = rate } }
	for name, test := range map[string]struct {
		policies string
		change   func(*Pod)
		want     float64
	}{
		"nobody says one":                    {want: 0},
		"a policy":                           {policies: "- {namespace: prod, rate: 5}", want: 5},
		"the pod has the last word":          {policies: "- {rate: 5}", change: annotated("1.5"), want: 1.5},
		"what is no number says nothing":     {policies: "- {rate: 5}", change: annotated("often"), want: 5},
		"what is not above 0 says nothing":   {policies: "- {rate: 5}", change: annotated("0"), want: 5},
		"without an end is no number either": {change: annotated("Inf"), want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := NewRules(RuleSettings{})
			if err != nil {
				t.Fatal(err)
			}
			policies, err := ParsePolicies([]byte(test.policies))
			if err != nil {
				t.Fatal(err)
			}
			rules.SetPolicies(policies)
			resolver := &Resolver{Pods: fakePods{testUID: shopPod(test.change)}, Rules: rules}
			if got := resolver.Resolve(inPod, false).Rate; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestProcessesOutsideOfPods(t *testing.T) {
	host := Process{PID: 1, Exe: "/usr/bin/kubelet", Cgroup: "0::/system.slice/kubelet.service\n"}
	with := func(settings RuleSettings) *Resolver {
		rules, err := NewRules(settings)
		if err != nil {
			t.Fatal(err)
		}
		return &Resolver{Pods: fakePods{}, Rules: rules}
	}
	if labels, verdict := parts(with(RuleSettings{HostProcesses: true}).Resolve(host, false)); verdict != Send || labels["service_name"] != "kubelet" {
		t.Errorf("got %v %v", labels, verdict)
	}
	if _, verdict := parts(with(RuleSettings{}).Resolve(host, false)); verdict != Ignore {
		t.Errorf("host_processes=false must ignore them, got %v", verdict)
	}
	if _, verdict := parts(with(RuleSettings{OptIn: true}).Resolve(inPod, true)); verdict != Ignore {
		t.Errorf("a container that no pod is known of cannot have asked, got %v", verdict)
	}
}

func TestPolicyFaultsAreAllTold(t *testing.T) {
	_, err := ParsePolicies([]byte("- {selector: 'a in'}\n- {rate: -1}\n"))
	if err == nil || !strings.Contains(err.Error(), "policy 1: selector") || !strings.Contains(err.Error(), "policy 2: rate") {
		t.Errorf("got %v", err)
	}
	if _, err := ParsePolicies([]byte("- {namespaces: prod}")); err == nil {
		t.Error("an unknown key must be refused")
	}
}

func TestThePolicyFileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policies.yaml")
	write := func(text string) {
		t.Helper()
		// At once, as a mounted ConfigMap changes.
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("- {namespace: a}")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	applied := make(chan []Policy, 10)
	go FollowPolicies(ctx, file, time.Millisecond, func(policies []Policy) { applied <- policies }, slog.New(slog.DiscardHandler))
	next := func() string {
		t.Helper()
		select {
		case policies := <-applied:
			return policies[0].Namespace
		case <-time.After(10 * time.Second):
			t.Fatal("no policies")
			return ""
		}
	}
	if got := next(); got != "a" {
		t.Errorf("got %q", got)
	}
	write("- {selector: 'broken in'}") // what was in force stays
	write("- {namespace: b}")
	if got := next(); got != "b" {
		t.Errorf("got %q", got)
	}
}

func TestRuntimes(t *testing.T) {
	native, golang, python := sample.Frame{Kind: sample.Native}, sample.Frame{Kind: sample.Go}, sample.Frame{Kind: sample.Python}
	for _, test := range []struct {
		exe    string
		frames []sample.Frame
		want   string
	}{
		{"/usr/local/bin/node", []sample.Frame{native}, "nodejs"},
		{"/usr/bin/python3.11", []sample.Frame{native}, "python"},
		{"/opt/jdk/bin/java", nil, "java"},
		{"/app/server", []sample.Frame{{Kind: sample.Kernel}, golang}, "go"},
		{"/usr/sbin/uwsgi", []sample.Frame{native, python}, "python"},
		{"/usr/sbin/nginx", []sample.Frame{native}, "native"},
		{"/usr/sbin/nginx", []sample.Frame{{Kind: sample.Kernel}}, ""},
		{"/usr/bin/nodesource-tool", []sample.Frame{native}, "native"},
	} {
		if got := runtimeOf(test.exe, test.frames); got != test.want {
			t.Errorf("%s: got %q, want %q", test.exe, got, test.want)
		}
	}
}

func parts(r Resolution) (map[string]string, Verdict) { return r.Labels, r.Verdict }
