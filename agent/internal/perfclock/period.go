// Package perfclock sets the pace of the kernel's CPU clocks, which both collectors sample by.
package perfclock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SetPeriod gives a running CPU clock another period. The kernel turns a frequency into a period when the clock is opened, so that
// the value is nanoseconds from then on.
func SetPeriod(descriptor int, periodNs uint64) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(descriptor), unix.PERF_EVENT_IOC_PERIOD, uintptr(unsafe.Pointer(&periodNs)))
	if errno != 0 {
		return errno
	}
	return nil
}
