// Command oracle reads pprof files with Google's own library and prints what they say: per sample type the total, and the flat and
// cumulative value of every function. One line of JSON per file, in the order of the arguments. With -stored it leaves out the samples that are
// not stored or cannot be drawn: those with a negative value, those that are zero throughout, and those without a stack.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/google/pprof/profile"
)

type fileReport struct {
	File        string       `json:"file"`
	Samples     int          `json:"samples"`
	Deepest     int          `json:"deepest"`
	TimeNanos   int64        `json:"timeNanos,string"`
	PeriodType  string       `json:"periodType"`
	SampleTypes []typeReport `json:"sampleTypes"`
}

type typeReport struct {
	Type      string                    `json:"type"`
	Unit      string                    `json:"unit"`
	Total     int64                     `json:"total,string"`
	Functions map[string]functionReport `json:"functions"`
}

// Flat: samples whose leaf is the function. Cum: samples that have it anywhere, each counted once however often it recurs.
type functionReport struct {
	Flat int64 `json:"flat,string"`
	Cum  int64 `json:"cum,string"`
}

func main() {
	stored := flag.Bool("stored", false, "leave out samples that say nothing")
	flag.Parse()
	encoder := json.NewEncoder(os.Stdout)
	for _, name := range flag.Args() {
		report, err := readFile(name, *stored)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		if err := encoder.Encode(report); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func readFile(name string, stored bool) (*fileReport, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := profile.Parse(file)
	if err != nil {
		return nil, err
	}
	if stored {
		parsed.Sample = slices.DeleteFunc(parsed.Sample, saysNothing)
	}
	report := &fileReport{File: name, Samples: len(parsed.Sample), TimeNanos: parsed.TimeNanos}
	if parsed.PeriodType != nil {
		report.PeriodType = parsed.PeriodType.Type + "/" + parsed.PeriodType.Unit
	}
	for _, sample := range parsed.Sample {
		report.Deepest = max(report.Deepest, len(sample.Location))
	}
	for index, sampleType := range parsed.SampleType {
		report.SampleTypes = append(report.SampleTypes, typeReport{
			Type: sampleType.Type, Unit: sampleType.Unit,
			Total: total(parsed, index), Functions: functions(parsed, index),
		})
	}
	return report, nil
}

func saysNothing(sample *profile.Sample) bool {
	empty := true
	for _, value := range sample.Value {
		if value < 0 {
			return true
		}
		empty = empty && value == 0
	}
	return empty || len(sample.Location) == 0
}

func total(parsed *profile.Profile, index int) int64 {
	var sum int64
	for _, sample := range parsed.Sample {
		sum += sample.Value[index]
	}
	return sum
}

func functions(parsed *profile.Profile, index int) map[string]functionReport {
	reports := map[string]functionReport{}
	for _, sample := range parsed.Sample {
		value := sample.Value[index]
		seen := map[string]bool{}
		leaf := true
		for _, location := range sample.Location {
			for _, name := range frames(location) {
				report := reports[name]
				if leaf {
					report.Flat += value
					leaf = false
				}
				if !seen[name] {
					seen[name] = true
					report.Cum += value
				}
				reports[name] = report
			}
		}
	}
	return reports
}

// Innermost first, as the lines of a location are.
func frames(location *profile.Location) []string {
	if len(location.Line) == 0 {
		return []string{fmt.Sprintf("0x%x", location.Address)}
	}
	names := make([]string, 0, len(location.Line))
	for _, line := range location.Line {
		if line.Function == nil {
			names = append(names, fmt.Sprintf("0x%x", location.Address))
			continue
		}
		names = append(names, line.Function.Name)
	}
	return names
}
