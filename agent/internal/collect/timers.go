package collect

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"brazier.dev/agent/internal/perfclock"
)

// perfTimers are the descriptors of the timers of the CPUs. The profiler has no way to change their rate and does not hand them
// out, but they are ours: they are the perf events that appeared among our descriptors while it attached.
type perfTimers map[int]struct{}

// openPerfEvents lists the descriptors of this process that are perf events.
func openPerfEvents() perfTimers {
	const dir = "/proc/self/fd"
	found := perfTimers{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found
	}
	for _, entry := range entries {
		target, err := os.Readlink(dir + "/" + entry.Name())
		if err != nil || target != "anon_inode:[perf_event]" {
			continue
		}
		if descriptor, err := strconv.Atoi(entry.Name()); err == nil {
			found[descriptor] = struct{}{}
		}
	}
	return found
}

func (t perfTimers) without(others perfTimers) perfTimers {
	for descriptor := range others {
		delete(t, descriptor)
	}
	return t
}

// setRate gives every timer a new period.
func (t perfTimers) setRate(hz int) error {
	if len(t) == 0 {
		return errors.New("the timers were not found among the open descriptors")
	}
	period := uint64(1_000_000_000 / hz)
	for descriptor := range t {
		if err := perfclock.SetPeriod(descriptor, period); err != nil {
			return fmt.Errorf("setting the period of timer %d: %w", descriptor, err)
		}
	}
	return nil
}
