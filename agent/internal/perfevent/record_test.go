package perfevent

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func words(values ...uint64) []byte {
	var out []byte
	for _, value := range values {
		out = binary.NativeEndian.AppendUint64(out, value)
	}
	return out
}

func TestDecodeSample(t *testing.T) {
	body := words(0x1234, 42|43<<32, 3, 7, contextKernel, 0xffff800000000001, 0xffff800000000002, contextUser, 0x401000, 0x401100, 0)
	var got stack
	if !decodeSample(body, &got) {
		t.Fatal("refused")
	}
	if got.pid != 42 || got.tid != 43 || got.cpu != 3 {
		t.Errorf("who: %+v", got)
	}
	if !slices.Equal(got.kernel, []uint64{0xffff800000000001, 0xffff800000000002}) || !slices.Equal(got.user, []uint64{0x401000, 0x401100}) {
		t.Errorf("stacks: %x %x", got.kernel, got.user)
	}
	for cut := range len(body) {
		decodeSample(body[:cut], &got) // must not panic
	}
	if decodeSample(words(0, 0, 0, 1<<60), &got) {
		t.Error("a callchain that is longer than its record was taken")
	}
}

func TestRingWrapsAround(t *testing.T) {
	r := &ring{data: []byte("6789012345")}
	if got := string(r.copy(6, 8)); got != "23456789"[0:4]+"6789" {
		t.Errorf("got %q", got)
	}
}

func TestParseRegion(t *testing.T) {
	cases := []struct {
		line string
		ok   bool
		want region
	}{
		{"55d0c0a00000-55d0c0a80000 r-xp 00001000 fd:01 1234   /usr/bin/my app", true,
			region{0x55d0c0a00000, 0x55d0c0a80000, 0x1000, "fd:01", 1234, "/usr/bin/my app"}},
		{"7f0000000000-7f0000001000 r-xp 00000000 00:00 0 ", true, region{start: 0x7f0000000000, end: 0x7f0000001000, device: "00:00"}},
		{"7f0000000000-7f0000001000 r-xp 00000000 08:01 9  /lib/gone.so (deleted)", true,
			region{0x7f0000000000, 0x7f0000001000, 0, "08:01", 9, "/lib/gone.so"}},
		{"7f0000000000-7f0000001000 rw-p 00000000 00:00 0", false, region{}},
		{"nonsense", false, region{}},
		{"", false, region{}},
	}
	for _, test := range cases {
		got, ok := parseRegion(test.line)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q: %+v %v", test.line, got, ok)
		}
	}
}

func TestContainerOf(t *testing.T) {
	id := strings.Repeat("0a", 32)
	cases := map[string]string{
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope\n": id,
		"12:memory:/docker/" + id + "\n":                                           id,
		"0::/kubepods/burstable/pod1/" + id + "\n":                                 id,
		"0::/system.slice/crio-" + id + ".scope/container\n":                       id,
		"0::/user.slice\n": "",
		"":                 "",
	}
	for cgroup, want := range cases {
		if got := containerOf(cgroup); got != want {
			t.Errorf("%q: %q", cgroup, got)
		}
	}
}

func TestFileAddress(t *testing.T) {
	info := &fileInfo{}
	info.loads = append(info.loads, segment(0x1000, 0x401000, 0x2345), segment(0x5000, 0x806010, 0x100))
	for offset, want := range map[uint64]uint64{0x1000: 0x401000, 0x2000: 0x402000, 0x5010: 0x806020, 0x9000: 0x9000} {
		if got := info.fileAddress(offset); got != want {
			t.Errorf("offset %#x: address %#x, want %#x", offset, got, want)
		}
	}
}
