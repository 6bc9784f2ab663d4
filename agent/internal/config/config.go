// Package config reads the agent's settings: flags win over the environment, the environment over a YAML file, that over defaults.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Config is every setting of the agent. The key of a field is the name in options.go.
type Config struct {
	URL, Tenant, TokenFile           string
	CAFile, CertFile, KeyFile        string
	Headers                          map[string]string
	Collector                        string
	Rate                             int
	OffCPU                           float64
	Interval                         time.Duration
	Threads                          bool
	Labels                           map[string]string
	NodeName                         string
	SymbolTablesMax, SymbolLinesMax  Bytes
	DebuginfoUpload                  bool
	CPUMax                           float64
	BudgetEvery                      time.Duration
	MemoryMax                        Bytes
	QueueMax, SpoolMax               Bytes
	SpoolDir                         string
	AgeMax, Timeout                  time.Duration
	BackoffMin, BackoffMax, StopWait time.Duration
	HTTPAddress                      string
	LogLevel                         string
	Protocol                         string

	Kubernetes, Kubeconfig          string
	Namespaces, ExcludeNamespaces   []string
	PodSelector, ExcludePodSelector string
	OptIn, HostProcesses            bool
	PolicyFile                      string
	Scrape                          bool

	// origins says where each value came from.
	origins map[string]string
}

// Collectors, protocols and ways to know pods that may be asked for.
var (
	collectors = []string{"auto", "ebpf", "perf_event"}
	protocols  = []string{"push", "otlp"}
	kubernetes = []string{"auto", "on", "off"}
)

const envPrefix = "BRAZIER_AGENT_"

// ErrHelp is the answer to --help: the text has been printed.
var ErrHelp = flag.ErrHelp

// ErrVersion is the answer to --version.
var ErrVersion = errors.New("version")

// Read reads the settings. All faults are told at once.
func Read(args []string, env func(string) (string, bool), help io.Writer) (*Config, error) {
	c := &Config{origins: map[string]string{}}
	options := c.options()
	flags := flag.NewFlagSet("brazier-agent", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config", "", "")
	version := flags.Bool("version", false, "")
	for i := range options {
		flags.Var(&options[i], flagName(options[i].key), options[i].about)
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printHelp(help, options)
			return nil, ErrHelp
		}
		return nil, fmt.Errorf("%w; see brazier-agent --help", err)
	}
	if *version {
		return nil, ErrVersion
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is not a flag; see brazier-agent --help", flags.Arg(0))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[keyName(f.Name)] = true })

	if *file == "" {
		*file, _ = env(envPrefix + "CONFIG")
	}
	fromFile, faults := readFile(*file, options)
	for i := range options {
		o := &options[i]
		variable := envPrefix + strings.ToUpper(o.key)
		fromEnv, inEnv := env(variable)
		text, inFile := fromFile[o.key]
		switch {
		case given[o.key]:
			c.origins[o.key] = "flag"
		case inEnv:
			c.origins[o.key] = "environment"
			faults = append(faults, o.read(fromEnv, variable))
		case inFile:
			c.origins[o.key] = "file"
			faults = append(faults, o.read(text, *file+": "+o.key))
		default:
			c.origins[o.key] = "default"
		}
	}
	faults = append(faults, c.check()...)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return c, nil
}

// readFile gives the values of a YAML file as text.
func readFile(path string, options []option) (map[string]string, []error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("the configuration file cannot be read: %w", err)}
	}
	var parsed map[string]any
	if err := yaml.Unmarshal(content, &parsed); err != nil {
		return nil, []error{fmt.Errorf("%s is not YAML: %w", path, err)}
	}
	values := map[string]string{}
	var faults []error
	keys := make([]string, 0, len(parsed))
	for key := range parsed {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if !slices.ContainsFunc(options, func(o option) bool { return o.key == key }) {
			faults = append(faults, fmt.Errorf("%s: %s is not a setting; see brazier-agent --help", path, key))
			continue
		}
		values[key] = yamlText(parsed[key])
	}
	return values, faults
}

// yamlText writes a value as its flag would be written.
func yamlText(value any) string {
	if list, ok := value.([]any); ok {
		parts := make([]string, 0, len(list))
		for _, item := range list {
			parts = append(parts, fmt.Sprint(item))
		}
		return strings.Join(parts, ",")
	}
	pairs, ok := value.(map[string]any)
	if !ok {
		return fmt.Sprint(value)
	}
	var parts []string
	for name, value := range pairs {
		parts = append(parts, fmt.Sprintf("%s=%v", name, value))
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

func (c *Config) check() []error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(!strings.HasPrefix(c.URL, "http://") && !strings.HasPrefix(c.URL, "https://"), "url: %q does not begin with http:// or https://", c.URL)
	refuse(!slices.Contains(collectors, c.Collector), "collector: %q is none of %s", c.Collector, strings.Join(collectors, ", "))
	refuse(!slices.Contains(protocols, c.Protocol), "protocol: %q is none of %s", c.Protocol, strings.Join(protocols, ", "))
	refuse(!slices.Contains(kubernetes, c.Kubernetes), "kubernetes: %q is none of %s", c.Kubernetes, strings.Join(kubernetes, ", "))
	refuse(c.Rate < 1 || c.Rate > 200, "rate: %d is not from 1 to 200 samples per second", c.Rate)
	refuse(c.OffCPU < 0 || c.OffCPU > 1, "off_cpu: %v is not a share from 0 to 1", c.OffCPU)
	refuse(c.Interval < time.Second || c.Interval > 5*time.Minute, "interval: %v is not from 1s to 5m", c.Interval)
	refuse(c.CPUMax < 0, "cpu_max: %v is negative; 0 is no limit", c.CPUMax)
	refuse(c.BudgetEvery < 100*time.Millisecond, "budget_every: %v is shorter than 100ms", c.BudgetEvery)
	refuse(c.QueueMax < 64<<10, "queue_max: %d bytes hold no profile; give it 64KiB or more", c.QueueMax)
	refuse((c.CertFile == "") != (c.KeyFile == ""), "cert_file and key_file go together: set both or neither")
	refuse(c.Timeout <= 0, "timeout: %v is not positive", c.Timeout)
	refuse(c.BackoffMin <= 0 || c.BackoffMax < c.BackoffMin, "backoff_min (%v) must be positive and not above backoff_max (%v)", c.BackoffMin, c.BackoffMax)
	_, err := c.Level()
	refuse(err != nil, "log_level: %q is none of debug, info, warn, error", c.LogLevel)
	return faults
}

// Lines gives every setting with its value and origin, for the log. Secrets are in files, and their names are no secrets; headers
// may carry one.
func (c *Config) Lines() map[string]string {
	lines := map[string]string{}
	for _, o := range c.options() {
		origin := c.origins[o.key]
		if origin == "default" {
			continue
		}
		text := o.String()
		if o.secret && text != "" {
			text = "***"
		}
		lines[o.key] = text + " (" + origin + ")"
	}
	return lines
}

func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }
func keyName(name string) string { return strings.ReplaceAll(name, "-", "_") }

func printHelp(to io.Writer, options []option) {
	fmt.Fprintf(to, "brazier-agent profiles every process of a machine and sends the profiles to a Brazier server.\n\n")
	fmt.Fprintf(to, "Every setting is a flag, a variable %s… and a key of the YAML file given by --config.\n\n", envPrefix)
	for _, o := range options {
		value := o.String()
		if value == "" {
			value = "none"
		}
		fmt.Fprintf(to, "  --%-20s %s (default: %s)\n", flagName(o.key), o.about, value)
	}
	fmt.Fprintf(to, "  --%-20s %s\n  --%-20s %s\n", "config FILE", "a YAML file with these settings", "version", "print the version")
}
