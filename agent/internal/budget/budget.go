// Package budget keeps the agent within the CPU and memory it may use: it lowers the rate of its samples, says so, and goes back
// when there is room again.
package budget

// Limits are what the agent may use.
type Limits struct {
	// CPU is in cores: 0.05 is a twentieth of one.
	CPU float64
	// Memory is resident bytes.
	Memory int64
	// Rate is the rate that was asked for, in samples per second; RateMin is as low as it may be made.
	Rate, RateMin int
}

// Usage is what the agent used since the last observation.
type Usage struct {
	CPU    float64
	Memory int64
}

// Why a rate is lower than was asked for.
const (
	WithinBudget = ""
	OverCPU      = "cpu"
	OverMemory   = "memory"
)

// Decision is the rate to sample at.
type Decision struct {
	Rate int
	// Reason of the last reduction, WithinBudget at the full rate.
	Reason string
	// Changed says that the rate is another one than before.
	Changed bool
	// Shed says that memory is short: caches are to be dropped.
	Shed bool
}

const (
	// roomy is the share of the budget below which the rate may rise. It rises by a half at most: 0.6 × 1.5 stays below 1.
	roomy = 0.6
	// calmMin is how many observations in a row must be roomy: a storm that pauses for breath is not over.
	calmMin = 4
	// smoothing is the weight of the newest observation: one busy interval, such as the first after the start, is no trend.
	smoothing = 0.5
)

// Governor decides from one observation to the next. It does no I/O and has no clock: it is observed at a steady pace.
type Governor struct {
	limits Limits
	rate   int
	cpu    float64
	seen   bool
	calm   int
	reason string
}

// NewGovernor begins at the full rate.
func NewGovernor(limits Limits) *Governor { return &Governor{limits: limits, rate: limits.Rate} }

// CPU is the smoothed use of CPU, in cores.
func (g *Governor) CPU() float64 { return g.cpu }

// Observe takes what was used since the last time and decides.
func (g *Governor) Observe(usage Usage) Decision {
	if g.seen {
		g.cpu += smoothing * (usage.CPU - g.cpu)
	} else {
		g.cpu, g.seen = usage.CPU, true
	}
	before := g.rate
	load := 0.0
	if g.limits.CPU > 0 {
		load = g.cpu / g.limits.CPU
	}
	overMemory := g.limits.Memory > 0 && usage.Memory > g.limits.Memory
	switch {
	case overMemory:
		g.lower(0.5, OverMemory)
	case load > 1:
		// Aim a little below the budget, and at most halve at a time: what is measured follows what is done by some seconds.
		g.lower(max(0.9/load, 0.5), OverCPU)
	case load < roomy && (g.limits.Memory == 0 || usage.Memory < g.limits.Memory*9/10):
		g.calm++
		if g.calm >= calmMin && g.rate < g.limits.Rate {
			g.rate = min(max(g.rate*3/2, g.rate+1), g.limits.Rate)
			g.calm = 0
		}
	default:
		g.calm = 0
	}
	if g.rate == g.limits.Rate {
		g.reason = WithinBudget
	}
	return Decision{Rate: g.rate, Reason: g.reason, Changed: g.rate != before, Shed: overMemory}
}

func (g *Governor) lower(factor float64, reason string) {
	g.calm = 0
	lowered := max(int(float64(g.rate)*factor), g.limits.RateMin, 1)
	if lowered < g.rate {
		// What was measured belongs to the old rate: expect the new one, or the next observation lowers it twice.
		g.cpu *= float64(lowered) / float64(g.rate)
		g.rate = lowered
		g.reason = reason
	}
}
