package attribute

import (
	"strings"
	"testing"
)

func TestServiceOnABareMachine(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	cases := []struct {
		name      string
		process   Process
		service   string
		container string
	}{
		{"systemd unit, version 2", Process{Exe: "/usr/sbin/sshd", Cgroup: "0::/system.slice/ssh.service\n"}, "ssh", ""},
		{"systemd unit, version 1", Process{Exe: "/usr/sbin/cron", Cgroup: "4:cpu:/\n1:name=systemd:/system.slice/cron.service\n"}, "cron", ""},
		{"unit of a template", Process{Exe: "/x/postgres", Cgroup: "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n"}, "postgresql", ""},
		{"escaped unit", Process{Exe: "/x", Cgroup: "0::/system.slice/my\\x2dshop.service\n"}, "my-shop", ""},
		{"a person's session", Process{Exe: "/usr/bin/vim", Cgroup: "0::/user.slice/user-1000.slice/session-1.scope\n"}, "vim", ""},
		{"a person's service manager", Process{Exe: "/usr/bin/app", Cgroup: "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n"}, "app", ""},
		{"program alone", Process{Exe: "/usr/bin/python3.11", Cgroup: "0::/\n"}, "python3.11", ""},
		{"container", Process{Exe: "/app/shop", ContainerID: id, Cgroup: "0::/system.slice/docker-" + id + ".scope\n"}, "shop", "0123456789ab"},
		{"container that is a unit's child", Process{Exe: "/app/shop", ContainerID: id, Cgroup: "0::/system.slice/podman.service/x\n"}, "shop", "0123456789ab"},
		{"deleted program", Process{Exe: "/tmp/tool (deleted)"}, "tool", ""},
		{"program in memory", Process{Exe: "/memfd:runner (deleted)"}, "runner", ""},
		{"ended before anybody looked", Process{Comm: "short"}, "short", ""},
		{"nothing known", Process{}, UnknownService, ""},
		{"kernel thread", Process{Comm: "kworker/0:1", KernelTask: true}, KernelService, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := Labels(test.process)
			if got["service_name"] != test.service || got["container"] != test.container {
				t.Errorf("got %v", got)
			}
		})
	}
}
