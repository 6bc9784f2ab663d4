package scrape

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/google/pprof/profile"
)

// delta turns counters that grow from the start of a program into what was added since the scrape before, as godeltaprof does within a
// program. Sample types that are not cumulative (inuse_space) stay as they are.
type delta struct {
	cumulative []string
	before     map[stackKey][]int64
	totals     []int64
}

type stackKey [16]byte

// apply changes a profile to its growth. False: it is the first, and only the base for the next.
func (d *delta) apply(p *profile.Profile) bool {
	var columns []int
	for at, sampleType := range p.SampleType {
		if slices.Contains(d.cumulative, sampleType.Type) {
			columns = append(columns, at)
		}
	}
	if len(columns) == 0 {
		return true
	}
	now := make(map[stackKey][]int64, len(p.Sample))
	totals := make([]int64, len(columns))
	for _, sample := range p.Sample {
		key := keyOf(sample)
		values := now[key]
		if values == nil {
			values = make([]int64, len(columns))
			now[key] = values
		}
		for at, column := range columns {
			values[at] += sample.Value[column]
			totals[at] += sample.Value[column]
		}
	}
	before, first := d.before, d.before == nil
	for at := range totals {
		if !first && len(d.totals) == len(totals) && totals[at] < d.totals[at] {
			// Counters never fall: the program has started again, and all of this is since then.
			before = nil
		}
	}
	d.before, d.totals = now, totals
	if first {
		return false
	}
	spent := map[stackKey]bool{}
	for _, sample := range p.Sample {
		key := keyOf(sample)
		// Samples of one key are one row: its growth goes to the first of them.
		for at, column := range columns {
			grown := int64(0)
			if !spent[key] {
				grown = now[key][at]
				if old := before[key]; old != nil {
					grown = max(0, grown-old[at])
				}
			}
			sample.Value[column] = grown
		}
		spent[key] = true
	}
	p.Sample = slices.DeleteFunc(p.Sample, func(sample *profile.Sample) bool {
		return !slices.ContainsFunc(sample.Value, func(value int64) bool { return value != 0 })
	})
	return true
}

// keyOf is the same for the same stack with the same labels in every profile of one program.
func keyOf(sample *profile.Sample) stackKey {
	hash := fnv.New128a()
	var number [8]byte
	put := func(value uint64) {
		binary.LittleEndian.PutUint64(number[:], value)
		_, _ = hash.Write(number[:])
	}
	text := func(value string) {
		put(uint64(len(value)))
		_, _ = hash.Write([]byte(value))
	}
	for _, location := range sample.Location {
		put(location.Address)
		if location.Address != 0 {
			continue
		}
		for _, line := range location.Line {
			put(uint64(line.Line))
			if line.Function != nil {
				text(line.Function.Name)
				text(line.Function.Filename)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sample.Label)) {
		text(name)
		for _, value := range sample.Label[name] {
			text(value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sample.NumLabel)) {
		text(name)
		for _, value := range sample.NumLabel[name] {
			put(uint64(value))
		}
	}
	return stackKey(hash.Sum(nil))
}
