package attribute

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"
)

/*
 * Whether a pod is profiled, by the first of these that says something:
 *
 *	1. the exclusions of whoever runs the agent: never
 *	2. the pod's annotation profiling.brazier.dev/enabled
 *	3. the first policy of the policy file that matches
 *	4. the namespace's annotation of the same name
 *	5. the selection of whoever runs the agent (namespaces, pod selector)
 *	6. the default: yes, unless the agent runs opt-in
 */

// RuleSettings is what the agent's configuration says about the choice of pods.
type RuleSettings struct {
	Namespaces, ExcludeNamespaces []string
	// PodSelector and ExcludePodSelector are selectors as kubectl takes them; empty for none.
	PodSelector, ExcludePodSelector string
	// OptIn: only what somebody has asked for.
	OptIn bool
	// HostProcesses: those in no container too.
	HostProcesses bool
}

// Rules decide about pods.
type Rules struct {
	settings        RuleSettings
	include, except labels.Selector
	policies        atomic.Pointer[[]Policy]
}

// NewRules reads the selectors. All faults are in the error.
func NewRules(settings RuleSettings) (*Rules, error) {
	rules := &Rules{settings: settings}
	var err error
	if rules.include, err = selectorOf(settings.PodSelector); err != nil {
		return nil, err
	}
	if rules.except, err = selectorOf(settings.ExcludePodSelector); err != nil {
		return nil, err
	}
	return rules, nil
}

// selectorOf gives nil for an empty text.
func selectorOf(text string) (labels.Selector, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	return labels.Parse(text)
}

// SetPolicies replaces the policies of the policy file.
func (r *Rules) SetPolicies(policies []Policy) { r.policies.Store(&policies) }

type decision struct {
	enabled bool
	labels  map[string]string
	// rate is 0 where nobody has said one.
	rate float64
}

// hosts tells whether processes outside of containers are profiled.
func (r *Rules) hosts() bool { return r == nil || r.settings.HostProcesses }

// chooses tells whether a pod must be known to be let in.
func (r *Rules) chooses() bool {
	return r != nil && (r.settings.OptIn || len(r.settings.Namespaces) > 0 || r.include != nil)
}

func (r *Rules) decide(pod *Pod) decision {
	if r == nil {
		return decision{enabled: true}
	}
	set := labels.Set(pod.Labels)
	if slices.Contains(r.settings.ExcludeNamespaces, pod.Namespace) || r.except != nil && r.except.Matches(set) {
		return decision{}
	}
	policy := r.policyOf(pod, set)
	result := decision{enabled: !r.settings.OptIn}
	if policy != nil {
		result.labels, result.rate = policy.Labels, policy.Rate
	}
	if rate, says := rateIn(pod.Annotations); says {
		result.rate = rate
	}
	if enabled, says := enabledIn(pod.Annotations); says {
		result.enabled = enabled
	} else if policy != nil {
		result.enabled = policy.Enabled == nil || *policy.Enabled
	} else if enabled, says := enabledIn(pod.NamespaceAnnotations); says {
		result.enabled = enabled
	} else if len(r.settings.Namespaces) > 0 || r.include != nil {
		inNamespace := len(r.settings.Namespaces) == 0 || slices.Contains(r.settings.Namespaces, pod.Namespace)
		result.enabled = inNamespace && (r.include == nil || r.include.Matches(set))
	}
	return result
}

func (r *Rules) policyOf(pod *Pod, set labels.Set) *Policy {
	policies := r.policies.Load()
	if policies == nil {
		return nil
	}
	for at := range *policies {
		policy := &(*policies)[at]
		if (policy.Namespace == "" || policy.Namespace == pod.Namespace) && (policy.selector == nil || policy.selector.Matches(set)) {
			return policy
		}
	}
	return nil
}

// rateIn reads the annotation; what is no number above 0 says nothing.
func rateIn(annotations map[string]string) (rate float64, says bool) {
	rate, err := strconv.ParseFloat(annotations[AnnotationRate], 64)
	return rate, err == nil && rate > 0 && !math.IsInf(rate, 1)
}

// enabledIn reads the annotation; what is neither true nor false says nothing.
func enabledIn(annotations map[string]string) (enabled, says bool) {
	enabled, err := strconv.ParseBool(annotations[AnnotationEnabled])
	return enabled, err == nil
}
