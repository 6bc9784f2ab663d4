#!/bin/bash
# able.sh FOLDER : tries in small what a node needs of this machine, as root; says what was refused and ends with 1 at the first that is.
# FOLDER is an empty one where nodes keep their files: not every file system can be below an overlay.
set -uo pipefail
CG=/sys/fs/cgroup; f=$1
try() { local what=$1 said; shift; said=$("$@" 2>&1) || { echo "$what: ${said:-refused}"; exit 1; }; }
write() { echo "$1" > "$2"; }
if [ "${2:-}" != inside ]; then
  # the agent's: DAC_READ_SEARCH, SYS_PTRACE, SYSLOG, PERFMON, BPF, CHECKPOINT_RESTORE; nobody can hand on what he does not have
  needs=$((1 << 2 | 1 << 19 | 1 << 34 | 1 << 38 | 1 << 39 | 1 << 40)); has=$((16#$(awk '/^CapEff/ { print $2 }' /proc/self/status)))
  [ $((has & needs)) -eq $needs ] || { printf 'the capabilities of the agent: of %x this root has %x\n' $needs $((has & needs)); exit 1; }
  g=able$$
  trap 'rmdir $CG/*/$g 2>/dev/null' EXIT
  for h in blkio cpu cpuacct cpuset devices freezer memory pids systemd; do
    [ -d $CG/$h ] || { echo "control groups of version 1: there is no $CG/$h"; exit 1; }
    try "a control group in $CG/$h" mkdir -p $CG/$h/$g
  done
  for k in cpus mems; do try "a set of processors" cp $CG/cpuset/cpuset.$k $CG/cpuset/$g/cpuset.$k; done
  for h in cpu cpuset memory pids; do try "a process in a control group of $CG/$h" sh -c "echo \$\$ > $CG/$h/$g/cgroup.procs"; done
  # kubelets set these as they want them, and read the kernel's messages
  for k in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    try "the setting $k" write "$(cat /proc/sys/$k)" /proc/sys/$k
  done
  try "the kernel's messages" dd if=/dev/kmsg of=/dev/null count=0 status=none
  try "namespaces of its own" unshare --net --mount --uts true
  unshare --net --mount --uts bash "$0" "$f" inside
  exit
fi
# below: in namespaces of its own, so that nothing has to be put back
try "a host name" hostname able
try "private mounts" mount --make-rprivate /
try "a tmpfs" mount -t tmpfs tmpfs /run
try "the kernel's trace points" mount -t tracefs nodev /sys/kernel/tracing
mkdir -p $f/{shared,lower/{bin,proc,dev,sys},upper,work,bundle/rootfs}
try "a bind mount" mount --bind $f/shared $f/shared
try "a shared mount" mount --make-rshared $f/shared
cp /bin/busybox $f/lower/bin/
try "an overlay of $f" mount -t overlay overlay -o lowerdir=$f/lower,upperdir=$f/upper,workdir=$f/work $f/bundle/rootfs
try "the loopback device" ip link set lo up
try "a pair of network devices" ip link add eth0 type veth peer name eth0p
try "a bridge" ip link add cni0 type bridge
try "forwarding of packets" write 1 /proc/sys/net/ipv4/ip_forward
try "nftables" nft 'add table ip able; add chain ip able out { type nat hook postrouting priority 100; }; add rule ip able out masquerade'
# a container as kubelets ask for it: with namespaces, control groups and a system call filter of its own
(cd $f/bundle && runc spec) && jq --arg group "/able$$" '.process.terminal = false | .process.args = ["/bin/busybox", "true"] | .linux.cgroupsPath = $group
  | .linux.resources.memory.limit = 67108864 | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["reboot"], action: "SCMP_ACT_ERRNO"}]}' \
  $f/bundle/config.json > $f/config.json && mv $f/config.json $f/bundle/config.json || exit 1
try "a container" runc --root /run/runc run --bundle $f/bundle able$$
