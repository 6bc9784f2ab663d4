package budget

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestContainerLimit(t *testing.T) {
	cases := []struct {
		name, cgroup string
		files        map[string]string
		want         int64
	}{
		{"version 2", "0::/kubepods/pod1/c1\n", map[string]string{"kubepods/pod1/c1/memory.max": "268435456\n", "kubepods/pod1/memory.max": "max\n"}, 268435456},
		{"version 2, the pod has less", "0::/kubepods/pod1/c1\n", map[string]string{"kubepods/pod1/c1/memory.max": "300\n", "kubepods/pod1/memory.max": "200\n"}, 200},
		{"version 2, own namespace", "0::/\n", map[string]string{"memory.max": "1000\n"}, 1000},
		{"version 2, no limit", "0::/a\n", map[string]string{"a/memory.max": "max\n"}, 0},
		{"version 1", "4:cpu,cpuacct:/x\n3:memory:/docker/c2\n", map[string]string{"memory/docker/c2/memory.limit_in_bytes": "134217728\n"}, 134217728},
		{"version 1, no limit", "3:memory:/\n", map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		{"garbage", "what:is\n", nil, 0},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "cgroup"), test.cgroup)
			for name, content := range test.files {
				write(t, filepath.Join(dir, "fs", name), content)
			}
			got, err := ContainerLimit(filepath.Join(dir, "cgroup"), filepath.Join(dir, "fs"))
			if err != nil || got != test.want {
				t.Errorf("got %d, %v; want %d", got, err, test.want)
			}
		})
	}
}

func TestMeterMeasuresWork(t *testing.T) {
	start := time.Now()
	meter := NewMeter(start)
	for x := 0; time.Since(start) < 100*time.Millisecond; x++ {
		_ = x * x
	}
	got := meter.Measure(time.Now(), 0)
	if got.CPU <= 0 || got.CPU > 64 || got.Memory < 1<<20 {
		t.Errorf("got %+v", got)
	}
	again := meter.Measure(time.Now().Add(time.Second), 500*time.Millisecond)
	if again.CPU < 0.4 {
		t.Errorf("time in the kernel is left out: %+v", again)
	}
}
