package collect

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// meter keeps the profiler's own counters, which it reports through OpenTelemetry, where we can read them.
type meter struct {
	noop.Meter
	mu     sync.Mutex
	values map[string]int64
}

func newMeter() *meter { return &meter{values: map[string]int64{}} }

func (m *meter) value(name string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(max(m.values[name], 0))
}

func (m *meter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return counter{meter: m, name: name}, nil
}

func (m *meter) Int64Gauge(name string, _ ...metric.Int64GaugeOption) (metric.Int64Gauge, error) {
	return gauge{meter: m, name: name}, nil
}

type counter struct {
	noop.Int64Counter
	meter *meter
	name  string
}

func (c counter) Add(_ context.Context, more int64, _ ...metric.AddOption) {
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	c.meter.values[c.name] += more
}

type gauge struct {
	noop.Int64Gauge
	meter *meter
	name  string
}

func (g gauge) Record(_ context.Context, value int64, _ ...metric.RecordOption) {
	g.meter.mu.Lock()
	defer g.meter.mu.Unlock()
	g.meter.values[g.name] = value
}
