package collect

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

const tracefsPath = "/sys/kernel/tracing"

// withTracefs runs something that needs tracefs. Where it is not mounted, it is mounted for one thread alone, in a mount
// namespace that ends with the thread: the machine does not change.
func withTracefs(run func() error) error {
	if tracefsMounted() {
		return run()
	}
	result := make(chan error, 1)
	go func() {
		// Never unlocked: the thread has another mount namespace and must end with this goroutine.
		runtime.LockOSThread()
		if err := mountTracefsForThread(); err != nil {
			result <- err
			return
		}
		result <- run()
	}()
	return <-result
}

func tracefsMounted() bool {
	for _, path := range []string{tracefsPath, "/sys/kernel/debug/tracing"} {
		var stat unix.Statfs_t
		if unix.Statfs(path, &stat) == nil && stat.Type == unix.TRACEFS_MAGIC {
			return true
		}
	}
	return false
}

func mountTracefsForThread() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("tracefs is not mounted at %s and a private mount namespace is refused: %w", tracefsPath, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("tracefs", tracefsPath, "tracefs", 0, ""); err != nil {
		return fmt.Errorf("mounting tracefs: %w", err)
	}
	return nil
}
