package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"brazier.dev/agent/internal/attribute"
	"brazier.dev/agent/internal/kube"
	"brazier.dev/agent/internal/scrape"
)

// policiesEvery is how often the policy file is looked at. A mounted ConfigMap takes a minute to change in any case.
const policiesEvery = 5 * time.Second

// assembleAttribution makes the part that says whose a process is, with the cluster where there is one.
func (a *agent) assembleAttribution() error {
	s := a.settings
	a.nodeName = s.NodeName
	rules, err := attribute.NewRules(attribute.RuleSettings{
		Namespaces: s.Namespaces, ExcludeNamespaces: s.ExcludeNamespaces,
		PodSelector: s.PodSelector, ExcludePodSelector: s.ExcludePodSelector, OptIn: s.OptIn, HostProcesses: s.HostProcesses,
	})
	if err != nil {
		return fmt.Errorf("pod_selector or exclude_pod_selector: %w", err)
	}
	a.resolver = &attribute.Resolver{Rules: rules}
	if s.Kubernetes == "off" || s.Kubernetes == "auto" && s.Kubeconfig == "" && !kube.InCluster() {
		return nil
	}
	if a.nodeName == "" {
		// In a pod this is the pod's name unless it shares the node's network, so that setting it is the rule.
		if a.nodeName, err = os.Hostname(); err != nil {
			return fmt.Errorf("node_name: %w; set it to the name of the node", err)
		}
		a.log.Warn("node_name is not set; the pods of the node of this host's name are looked up", "node", a.nodeName,
			"remedy", "set BRAZIER_AGENT_NODE_NAME from spec.nodeName")
	}
	if a.pods, err = kube.New(kube.Options{Node: a.nodeName, Kubeconfig: s.Kubeconfig, Log: a.log}); err != nil {
		return err
	}
	a.resolver.Pods = a.pods
	return nil
}

// followCluster watches pods and policies until the context ends.
func (a *agent) followCluster(ctx context.Context) {
	if a.pods == nil {
		return
	}
	go a.pods.Run(ctx)
	if a.settings.Scrape {
		a.scraper.Store(scrape.New(scrape.Options{
			Pods: a.pods.All, Labels: a.labelsOfScraped, Offer: a.deliverer.Offer,
			Interval: a.settings.Interval, UserAgent: "brazier-agent/" + version, Log: a.log,
		}))
		go a.scraper.Load().Run(ctx)
	}
	if a.settings.PolicyFile != "" {
		go attribute.FollowPolicies(ctx, a.settings.PolicyFile, policiesEvery, a.resolver.Rules.SetPolicies, a.log)
	}
}

// labelsOfScraped gives the labels of what a pod tells of itself: those of the pod, and the agent's own.
func (a *agent) labelsOfScraped(pod *attribute.Pod, container attribute.Container) (map[string]string, bool) {
	labels, wanted := a.resolver.ResolvePod(pod, container)
	if !wanted {
		return nil, false
	}
	for name, value := range a.ownLabels() {
		if _, taken := labels[name]; !taken {
			labels[name] = value
		}
	}
	return labels, true
}

// ownLabels are those of every profile of this agent.
func (a *agent) ownLabels() map[string]string {
	labels := map[string]string{}
	for name, value := range a.settings.Labels {
		labels[name] = value
	}
	if a.nodeName != "" {
		labels["node"] = a.nodeName
	}
	return labels
}
