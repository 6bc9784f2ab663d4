// parse is the calibrator: the CPU that Go's own pprof library needs to parse the files of a folder, one JSON line.
// Every cost of ours is told as a multiple of it, because machines differ and are noisy.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/pprof/profile"
)

// rounds: files are few and small; one round would mostly measure the growth of the heap.
const rounds = 3

func main() {
	paths, err := filepath.Glob(filepath.Join(os.Args[1], "*.pb.gz"))
	if err != nil || len(paths) == 0 {
		fmt.Fprintln(os.Stderr, "no *.pb.gz in", os.Args[1])
		os.Exit(1)
	}
	files := make([][]byte, len(paths))
	for i, path := range paths {
		if files[i], err = os.ReadFile(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	before := cpuMs()
	for range rounds {
		for i, file := range files {
			if _, err := profile.Parse(bytes.NewReader(file)); err != nil {
				fmt.Fprintln(os.Stderr, paths[i], err)
				os.Exit(1)
			}
		}
	}
	fmt.Printf("{\"profiles\":%d,\"parse_cpu_ms_per_profile\":%.3f}\n", len(files), (cpuMs()-before)/float64(len(files)*rounds))
}

func cpuMs() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}
