import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";

/* Control groups named as a kubelet names those of containers, so that a plain process is a container to whoever reads its groups. */

const ROOT = "/sys/fs/cgroup";

/** A hierarchy of control groups that is mounted here. */
export type Hierarchy = { readonly version: 1 | 2; readonly root: string };

/** The mounted hierarchies, one of each version; empty where there are none. */
export function hierarchies(): readonly Hierarchy[] {
  const found: Hierarchy[] = [];
  const first = (version: 1 | 2, roots: readonly string[]): void => {
    const root = roots.find(
      (path) => existsSync(join(path, "cgroup.procs")) && existsSync(join(path, "cgroup.controllers")) === (version === 2),
    );
    if (root !== undefined) found.push({ version, root });
  };
  first(
    1,
    ["systemd", "pids", "freezer"].map((name) => join(ROOT, name)),
  );
  first(2, [ROOT, join(ROOT, "unified")]);
  return found;
}

export type ContainerGroup = {
  /** Put before a command, it runs in the group. */
  readonly prefix: readonly string[];
  /** Removes the group, which must be empty by now, and what was made above it. */
  remove(): void;
};

/** A group of version 1 in the form of the cgroupfs driver, one of version 2 in that of the systemd driver. */
export function makeContainerGroup({ version, root }: Hierarchy, podUid: string, containerId: string): ContainerGroup {
  const path =
    version === 1
      ? join(root, `kubepods/burstable/pod${podUid}/${containerId}`)
      : join(root, `kubepods.slice/kubepods-pod${podUid.replaceAll("-", "_")}.slice/cri-containerd-${containerId}.scope`);
  mkdirSync(path, { recursive: true });
  return {
    prefix: ["sh", "-c", `echo $$ > "${path}/cgroup.procs" && exec "$@"`, "sh"],
    remove: () => {
      for (let folder = path; folder !== root; folder = dirname(folder)) {
        try {
          rmdirSync(folder);
        } catch {
          return; // Another container's group is beside it, or was there before.
        }
      }
    },
  };
}
