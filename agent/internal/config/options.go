package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size; it is written with a unit: 64MiB, 500KB, 1048576.
type Bytes int64

// option is one setting: its key, what it is for, and how its text becomes its value.
type option struct {
	key, about string
	secret     bool
	set        func(string) error
	show       func() string
}

func (o *option) String() string {
	if o.show == nil {
		return ""
	}
	return o.show()
}

// Set is called for flags, whose name is in the error of the caller.
func (o *option) Set(text string) error { return o.set(text) }

// IsBoolFlag lets --threads stand without a value.
func (o *option) IsBoolFlag() bool {
	return o.show != nil && (o.show() == "true" || o.show() == "false")
}

func (o *option) read(text, origin string) error {
	if err := o.set(text); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	return nil
}

// options binds every key to its field, with the field's default. Called again, it keeps what was set.
func (c *Config) options() []option {
	fresh := len(c.origins) == 0
	text := func(key, about string, field *string, value string) option {
		if fresh {
			*field = value
		}
		return option{key: key, about: about, set: func(s string) error { *field = s; return nil }, show: func() string { return *field }}
	}
	number := func(key, about string, field *float64, value float64) option {
		if fresh {
			*field = value
		}
		return option{key: key, about: about, show: func() string { return strconv.FormatFloat(*field, 'g', -1, 64) }, set: func(s string) error {
			parsed, err := strconv.ParseFloat(s, 64)
			if err != nil || math.IsNaN(parsed) || math.IsInf(parsed, 0) {
				return fmt.Errorf("%q is not a number", s)
			}
			*field = parsed
			return nil
		}}
	}
	duration := func(key, about string, field *time.Duration, value time.Duration) option {
		if fresh {
			*field = value
		}
		return option{key: key, about: about, show: func() string { return field.String() }, set: func(s string) error {
			parsed, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Errorf("%q is not a duration such as 500ms, 15s or 2m", s)
			}
			*field = parsed
			return nil
		}}
	}
	size := func(key, about string, field *Bytes, value Bytes) option {
		if fresh {
			*field = value
		}
		return option{key: key, about: about, show: field.String, set: func(s string) (err error) { *field, err = parseBytes(s); return err }}
	}
	toggle := func(key, about string, field *bool, value bool) option {
		if fresh {
			*field = value
		}
		return option{key: key, about: about, show: func() string { return strconv.FormatBool(*field) }, set: func(s string) error {
			parsed, err := strconv.ParseBool(s)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", s)
			}
			*field = parsed
			return nil
		}}
	}
	pairs := func(key, about string, field *map[string]string) option {
		return option{key: key, about: about, show: func() string { return showPairs(*field) }, set: func(s string) (err error) {
			*field, err = parsePairs(s)
			return err
		}}
	}
	names := func(key, about string, field *[]string) option {
		return option{key: key, about: about, show: func() string { return strings.Join(*field, ",") }, set: func(s string) error {
			*field = nil
			for part := range strings.SplitSeq(s, ",") {
				if part = strings.TrimSpace(part); part != "" {
					*field = append(*field, part)
				}
			}
			return nil
		}}
	}
	headers := pairs("headers", "headers of every request, as name=value,name=value", &c.Headers)
	headers.secret = true
	rate := option{key: "rate", about: "samples per second of each CPU, 1 to 200", show: func() string { return strconv.Itoa(c.Rate) }, set: func(s string) error {
		parsed, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
		c.Rate = parsed
		return nil
	}}
	if fresh {
		c.Rate = 19
	}
	return []option{
		text("url", "the server", &c.URL, "http://localhost:4040"),
		text("tenant", "whose profiles these are, where the server has several tenants", &c.Tenant, ""),
		text("token_file", "a file with a bearer token; it is read again when it changes", &c.TokenFile, ""),
		text("ca_file", "certificates of the authorities that the server is checked by, instead of the system's", &c.CAFile, ""),
		text("cert_file", "our certificate, for a server that asks", &c.CertFile, ""),
		text("key_file", "the key of cert_file", &c.KeyFile, ""),
		headers,
		text("collector", "ebpf, perf_event, or auto: the first that the machine allows", &c.Collector, "auto"),
		rate,
		number("off_cpu", "share of waits that is profiled too, 0 to 1; needs kprobes", &c.OffCPU, 0),
		duration("interval", "longest time between two profiles of a service; each is up to a third shorter", &c.Interval, 15*time.Second),
		toggle("threads", "tell threads apart by a label of the sample", &c.Threads, false),
		pairs("labels", "labels of every profile, as name=value,name=value", &c.Labels),
		text("node_name", "value of the label node, and in Kubernetes the node whose pods are looked up", &c.NodeName, ""),
		text("protocol", "push (Pyroscope's) or otlp", &c.Protocol, "push"),
		text("kubernetes", "on, off, or auto: on in a pod and with a kubeconfig", &c.Kubernetes, "auto"),
		text("kubeconfig", "a file, for an agent outside of the cluster", &c.Kubeconfig, ""),
		names("namespaces", "profile only pods of these namespaces, name,name", &c.Namespaces),
		names("exclude_namespaces", "never profile pods of these namespaces, whatever annotations say", &c.ExcludeNamespaces),
		text("pod_selector", "profile only pods with these labels, as kubectl takes them", &c.PodSelector, ""),
		text("exclude_pod_selector", "never profile pods with these labels, whatever annotations say", &c.ExcludePodSelector, ""),
		toggle("opt_in", "profile only pods that an annotation or a policy asks for", &c.OptIn, false),
		toggle("host_processes", "profile processes outside of pods too, in Kubernetes", &c.HostProcesses, true),
		text("policy_file", "a YAML list of policies {namespace, selector, enabled, rate, labels}; it is read again when it changes", &c.PolicyFile, ""),
		toggle("scrape", "fetch pprof from pods that are annotated with profiles.grafana.com/…", &c.Scrape, true),
		size("symbol_tables_max", "memory for symbol tables", &c.SymbolTablesMax, 48<<20),
		size("symbol_lines_max", "memory for DWARF, and the largest that is read of one file; 0 leaves lines and inlined functions out", &c.SymbolLinesMax, 16<<20),
		toggle("debuginfo_upload", "send the server the symbols of files that it asks for", &c.DebuginfoUpload, false),
		number("cpu_max", "CPU that the agent may use, in cores, before it lowers its rate; 0 is no limit", &c.CPUMax, 0.1),
		duration("budget_every", "how often the agent compares what it uses with cpu_max and memory_max", &c.BudgetEvery, 5*time.Second),
		size("memory_max", "resident memory before it lowers its rate and drops caches; 0 is the container's limit", &c.MemoryMax, 0),
		size("queue_max", "memory for profiles that wait to be delivered", &c.QueueMax, 32<<20),
		text("spool_dir", "a directory for profiles that wait; they survive a restart", &c.SpoolDir, ""),
		size("spool_max", "bytes in spool_dir", &c.SpoolMax, 256<<20),
		duration("age_max", "how long a profile may wait before it is dropped", &c.AgeMax, time.Hour),
		duration("timeout", "time for one request", &c.Timeout, 30*time.Second),
		duration("backoff_min", "shortest pause before a request is tried again", &c.BackoffMin, 500*time.Millisecond),
		duration("backoff_max", "longest pause before a request is tried again", &c.BackoffMax, 30*time.Second),
		duration("stop_wait", "time for delivering what is left when the agent stops", &c.StopWait, 10*time.Second),
		text("http_address", "where /metrics, /ready, /healthz and /debug/pprof are served; empty is nowhere", &c.HTTPAddress, ":4041"),
		text("log_level", "debug, info, warn or error", &c.LogLevel, "info"),
	}
}

// Level is the log level.
func (c *Config) Level() (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(c.LogLevel))
	return level, err
}

var units = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"B", 1}, {"", 1}}

func parseBytes(text string) (Bytes, error) {
	for _, unit := range units {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || value < 0 || value*float64(unit.bytes) > 1<<50 {
			break
		}
		return Bytes(value * float64(unit.bytes)), nil
	}
	return 0, fmt.Errorf("%q is not a size such as 64MiB", text)
}

func (b *Bytes) String() string {
	value := int64(*b)
	for _, unit := range []struct {
		suffix string
		bytes  int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if value >= unit.bytes && value%unit.bytes == 0 {
			return strconv.FormatInt(value/unit.bytes, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(value, 10)
}

func parsePairs(text string) (map[string]string, error) {
	pairs := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, errors.New(strconv.Quote(part) + " is not name=value")
		}
		pairs[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return pairs, nil
}

func showPairs(pairs map[string]string) string {
	parts := make([]string, 0, len(pairs))
	for name, value := range pairs {
		parts = append(parts, name+"="+value)
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}
