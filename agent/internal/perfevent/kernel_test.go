package perfevent

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnlineCPUs(t *testing.T) {
	cpus, err := onlineCPUs("/sys/devices/system/cpu/online")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	if len(cpus) == 0 || cpus[0] < 0 {
		t.Errorf("got %v", cpus)
	}
}

func TestRefusalNamesTheCapability(t *testing.T) {
	for _, err := range []error{unix.EACCES, unix.EPERM} {
		if got := explain(err).Error(); !strings.Contains(got, "CAP_PERFMON") || !strings.Contains(got, "perf_event_paranoid") {
			t.Errorf("%v: %q", err, got)
		}
	}
}
