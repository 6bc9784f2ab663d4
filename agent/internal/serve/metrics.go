// Package serve answers what operators ask an agent: is it ready, how does it do, what does it spend.
package serve

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Metric is one number with its labels, as it is at the moment.
type Metric struct {
	// Name ends in its unit; a counter's ends in _total.
	Name, Help string
	Labels     map[string]string
	Value      float64
}

// writeMetrics writes metrics in Prometheus' text format. Those of one name follow each other, in the order of the first.
func writeMetrics(to io.Writer, metrics []Metric) {
	byName := map[string][]Metric{}
	var names []string
	for _, m := range metrics {
		if _, known := byName[m.Name]; !known {
			names = append(names, m.Name)
		}
		byName[m.Name] = append(byName[m.Name], m)
	}
	for _, name := range names {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") {
			kind = "counter"
		}
		fmt.Fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, byName[name][0].Help, name, kind)
		for _, m := range byName[name] {
			fmt.Fprintf(to, "%s%s %s\n", name, labelText(m.Labels), numberText(m.Value))
		}
	}
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	parts := make([]string, 0, len(labels))
	for name, value := range labels {
		parts = append(parts, name+`="`+escaper.Replace(value)+`"`)
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

func numberText(value float64) string {
	if math.IsInf(value, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}
