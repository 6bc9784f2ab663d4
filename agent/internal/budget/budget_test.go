package budget

import "testing"

func limits() Limits { return Limits{CPU: 0.05, Memory: 100, Rate: 97, RateMin: 1} }

// A machine whose agent costs this much CPU per sample and second, beside a fixed part.
func machine(perHz, fixed float64) func(rate int) Usage {
	return func(rate int) Usage { return Usage{CPU: fixed + perHz*float64(rate), Memory: 50} }
}

func run(g *Governor, use func(rate int) Usage, steps int) Decision {
	last := Decision{Rate: g.rate}
	for range steps {
		last = g.Observe(use(last.Rate))
	}
	return last
}

func TestStaysAtTheFullRateWithinItsBudget(t *testing.T) {
	got := run(NewGovernor(limits()), machine(0.0004, 0.001), 50)
	if got.Rate != 97 || got.Reason != WithinBudget {
		t.Errorf("got %+v", got)
	}
}

func TestLowersTheRateUntilItFitsAndRecovers(t *testing.T) {
	g := NewGovernor(limits())
	storm := machine(0.005, 0.005)
	got := run(g, storm, 30)
	if use := storm(got.Rate).CPU; use > 0.05 || got.Rate < 4 {
		t.Errorf("in the storm: %d Hz uses %.3f cores of 0.05", got.Rate, use)
	}
	if got.Reason != OverCPU {
		t.Errorf("reason: %q", got.Reason)
	}
	got = run(g, machine(0.0003, 0.001), 100)
	if got.Rate != 97 || got.Reason != WithinBudget {
		t.Errorf("after the storm: %+v", got)
	}
}

func TestNeverGoesBelowTheLeastRate(t *testing.T) {
	if got := run(NewGovernor(limits()), machine(0, 1), 50); got.Rate != 1 {
		t.Errorf("got %d Hz", got.Rate)
	}
}

func TestDoesNotSwingWhereTheBudgetIsJustMet(t *testing.T) {
	g := NewGovernor(limits())
	steady := machine(0.001, 0)
	run(g, steady, 60)
	changes := 0
	rate := g.rate
	for range 100 {
		if d := g.Observe(steady(rate)); d.Changed {
			changes++
			rate = d.Rate
		}
	}
	if changes > 10 {
		t.Errorf("%d changes in 100 observations", changes)
	}
}

func TestMemoryOverItsLimitShedsCachesAndHalves(t *testing.T) {
	g := NewGovernor(limits())
	got := g.Observe(Usage{CPU: 0.001, Memory: 101})
	if got.Rate != 48 || !got.Shed || got.Reason != OverMemory || !got.Changed {
		t.Errorf("got %+v", got)
	}
	if got := g.Observe(Usage{CPU: 0.001, Memory: 99}); got.Shed || got.Changed {
		t.Errorf("near the limit: %+v", got)
	}
}

func TestOneBusyIntervalIsNoTrend(t *testing.T) {
	g := NewGovernor(limits())
	g.Observe(Usage{CPU: 0.01})
	if got := g.Observe(Usage{CPU: 0.08}); got.Changed {
		t.Errorf("one spike changed the rate: %+v", got)
	}
}
