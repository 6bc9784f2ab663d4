package attribute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/labels"
)

// Policy is one entry of the policy file, which an operator mounts and changes while the agent runs.
type Policy struct {
	// Namespace that it is about; empty for all.
	Namespace string `yaml:"namespace"`
	// Selector of pods by their labels, as kubectl takes it; empty for all.
	Selector string `yaml:"selector"`
	// Enabled is true where nothing is said (nil).
	Enabled *bool `yaml:"enabled"`
	// Rate is samples a second, at most the agent's; 0 for the agent's.
	Rate float64 `yaml:"rate"`
	// Labels are added to the profiles.
	Labels map[string]string `yaml:"labels"`

	selector labels.Selector
}

// ParsePolicies reads a policy file: a list of policies, the first that matches a pod counts. All faults are in the error.
func ParsePolicies(text []byte) ([]Policy, error) {
	var policies []Policy
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&policies); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it is not a list of policies: %w", err)
	}
	var faults []error
	for at := range policies {
		policy := &policies[at]
		var err error
		if policy.selector, err = selectorOf(policy.Selector); err != nil {
			faults = append(faults, fmt.Errorf("policy %d: selector %q: %w", at+1, policy.Selector, err))
		}
		if policy.Rate < 0 {
			faults = append(faults, fmt.Errorf("policy %d: rate %v is negative; leave it out for the agent's", at+1, policy.Rate))
		}
	}
	return policies, errors.Join(faults...)
}

// FollowPolicies reads the file again when it changes, until the context ends. A file with faults is said in the log, and what was there before stays.
func FollowPolicies(ctx context.Context, file string, every time.Duration, apply func([]Policy), log *slog.Logger) {
	var last []byte
	for turn := 0; ; turn++ {
		text, err := os.ReadFile(file)
		switch {
		case err != nil:
			if turn == 0 {
				log.Warn("the policy file cannot be read; no policy is in force until it can", "file", file, "error", err)
			}
		case turn == 0 || !bytes.Equal(text, last):
			last = text
			policies, err := ParsePolicies(text)
			if err != nil {
				log.Error("the policy file has faults; what was in force stays", "file", file, "error", err)
				break
			}
			apply(policies)
			log.Info("policies are in force", "file", file, "policies", len(policies))
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
