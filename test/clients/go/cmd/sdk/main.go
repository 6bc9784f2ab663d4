// Command sdk is a small program that works and allocates for some seconds while Grafana's own SDK profiles it and pushes.
// It prints a line of JSON with how often each function was called when it is done.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/grafana/pyroscope-go"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:4040", "the server")
	name := flag.String("name", "sdk-go", "the application's name")
	seconds := flag.Int("seconds", 5, "how long to be busy")
	flag.Parse()

	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName: *name,
		ServerAddress:   *url,
		Tags:            map[string]string{"region": "eu"},
		UploadRate:      2 * time.Second,
		Logger:          stderrLogger{},
		ProfileTypes: []pyroscope.ProfileType{
			pyroscope.ProfileCPU,
			pyroscope.ProfileAllocObjects, pyroscope.ProfileAllocSpace,
			pyroscope.ProfileInuseObjects, pyroscope.ProfileInuseSpace,
			pyroscope.ProfileGoroutines,
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	var burned, hoarded int
	for end := time.Now().Add(time.Duration(*seconds) * time.Second); time.Now().Before(end); {
		sink += burnHotLoop(2_000_000)
		burned++
		if burned%20 == 0 {
			hoard = append(hoard, hoardBuffers(64)...)
			hoarded++
		}
	}
	if err := profiler.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]int{"burned": burned, "hoarded": hoarded})
}

var (
	sink  uint64
	hoard [][]byte
)

//go:noinline
func burnHotLoop(rounds int) uint64 {
	value := uint64(88172645463325252)
	for i := 0; i < rounds; i++ {
		value ^= value << 13
		value ^= value >> 7
		value ^= value << 17
	}
	return value
}

//go:noinline
func hoardBuffers(count int) [][]byte {
	buffers := make([][]byte, 0, count)
	for i := 0; i < count; i++ {
		buffers = append(buffers, make([]byte, 16<<10))
	}
	return buffers
}

// The SDK logs failed uploads only: on stderr, so that a test can show them.
type stderrLogger struct{}

func (stderrLogger) Infof(string, ...interface{})  {}
func (stderrLogger) Debugf(string, ...interface{}) {}
func (stderrLogger) Errorf(format string, arguments ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
}
