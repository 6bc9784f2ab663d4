package attribute

import (
	"strings"
	"testing"
)

// Lines as recorded from machines with each runtime, driver and version of control groups.
func TestPlaceOfRecordedControlGroups(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	uid := "8ac1c3d2-1f0b-4c56-9b3e-0f4a7d1e2b3c"
	slice := strings.ReplaceAll(uid, "-", "_")
	hash := "1a2b3c4d5e6f708192a3b4c5d6e7f809"
	for name, test := range map[string]struct {
		cgroup string
		place  Place
	}{
		"v2, systemd, containerd":            {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + slice + ".slice/cri-containerd-" + id + ".scope\n", Place{id, uid}},
		"v2, systemd, guaranteed":            {"0::/kubepods.slice/kubepods-pod" + slice + ".slice/cri-containerd-" + id + ".scope\n", Place{id, uid}},
		"v2, systemd, cri-o":                 {"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + slice + ".slice/crio-" + id + ".scope\n", Place{id, uid}},
		"v2, systemd, cri-o, container":      {"0::/kubepods.slice/kubepods-pod" + slice + ".slice/crio-" + id + ".scope/container\n", Place{id, uid}},
		"v2, systemd, docker":                {"0::/kubepods.slice/kubepods-pod" + slice + ".slice/docker-" + id + ".scope\n", Place{id, uid}},
		"v2, systemd, joined":                {"0::/system.slice/containerd.service/kubepods-besteffort-pod" + slice + ".slice:cri-containerd:" + id + "\n", Place{id, uid}},
		"v2, cgroupfs":                       {"0::/kubepods/besteffort/pod" + uid + "/" + id + "\n", Place{id, uid}},
		"v2, seen from a parent's namespace": {"0::/../../pod" + uid + "/" + id + "\n", Place{id, uid}},
		"v2, kind's nested kubelet":          {"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + slice + ".slice/cri-containerd-" + id + ".scope\n", Place{id, uid}},
		"v2, static pod":                     {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + hash + ".slice/cri-containerd-" + id + ".scope\n", Place{id, hash}},
		"v1, cgroupfs":                       {"11:memory:/kubepods/burstable/pod" + uid + "/" + id + "\n1:name=systemd:/kubepods/burstable/pod" + uid + "/" + id + "\n", Place{id, uid}},
		"v1, systemd":                        {"11:memory:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + slice + ".slice/cri-containerd-" + id + ".scope\n0::/\n", Place{id, uid}},
		"v1, one controller knows":           {"9:name=systemd:/\n4:memory:/kubepods/pod" + uid + "/" + id + "\n0::/\n", Place{id, uid}},
		"docker alone":                       {"0::/system.slice/docker-" + id + ".scope\n", Place{id, ""}},
		"docker alone, cgroupfs":             {"12:pids:/docker/" + id + "\n", Place{id, ""}},
		"docker in docker: the inner counts": {"0::/docker/" + strings.Repeat("f", 64) + "/docker/" + id + "\n", Place{id, ""}},
		"podman":                             {"0::/machine.slice/libpod-" + id + ".scope/container\n", Place{id, ""}},
		"podman of a user":                   {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container\n", Place{id, ""}},
		"pod's own group, no container":      {"0::/kubepods.slice/kubepods-pod" + slice + ".slice\n", Place{"", uid}},
		"systemd unit":                       {"0::/system.slice/ssh.service\n", Place{}},
		"short hexadecimal is no id":         {"4:memory:/process_api/9166aa6deac3f1ccd705fe40a99e2019\n0::/\n", Place{}},
		"root":                               {"0::/\n", Place{}},
		"nothing":                            {"", Place{}},
		"no lines of control groups":         {"garbage\n:::\n::", Place{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := PlaceOf(test.cgroup); got != test.place {
				t.Errorf("got %+v, want %+v", got, test.place)
			}
		})
	}
}
