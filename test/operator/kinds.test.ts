import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { optionalDefinitions } from "./optional-kinds.ts";

/* Kinds that others bring are installed and removed while the operator runs: objects of them are made, watched, and missed by nobody afterwards. */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator kinds: ${reason}`);

type Condition = { readonly type: string; readonly status: string; readonly reason: string; readonly message: string };

describe.skipIf(reason !== undefined)("kinds that others bring", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess;
  const definition = optionalDefinitions().find((one) => JSON.stringify(one).includes("servicemonitors")) as object;
  const name = "servicemonitors.monitoring.coreos.com";

  beforeAll(async () => {
    api = await startApiServer();
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    operator = await startOperator(api.kubeconfig);
  });
  afterAll(async () => {
    await operator?.stop();
    await api?.stop();
  });

  const apply = (serviceMonitor: "Auto" | "Always"): void => {
    const object = {
      apiVersion: "profiling.brazier.dev/v1alpha1",
      kind: "ProfilingStack",
      metadata: { name: "main", namespace: "default" },
      spec: { storage: { s3: { bucket: "profiles", instance: {} } }, monitoring: { serviceMonitor } },
    };
    api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(object));
  };
  const ready = (): Condition | undefined =>
    (
      JSON.parse(api.kubectl(["get", "pstack", "main", "-o", "json"])) as { status?: { conditions?: Condition[] } }
    ).status?.conditions?.find(({ type }) => type === "Ready");
  const monitor = (): { metadata: { uid: string; labels: Record<string, string> } } =>
    JSON.parse(api.kubectl(["get", "servicemonitor", "main-brazier", "-o", "json"])) as never;
  const install = (): void => {
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(definition));
    api.kubectl(["wait", "--for=condition=Established", `crd/${name}`, "--timeout=60s"]);
  };
  const slowly = { withinMs: 120_000, everyMs: 500 };

  it("are missed by a stack that insists on them, until they are installed", async () => {
    apply("Always");
    await until("the fault", () => ready()?.reason === "KindMissing", slowly);
    install();
    await until("the object", () => monitor().metadata.uid !== "", slowly);
    await until("no fault any more", () => ready()?.reason === "PodsNotReady", slowly);
  });

  it("are watched from then on: what somebody changes or removes is put right", async () => {
    const { uid } = monitor().metadata;
    api.kubectl(["label", "servicemonitor", "main-brazier", "app.kubernetes.io/component=other", "--overwrite"]);
    await until("the label", () => monitor().metadata.labels["app.kubernetes.io/component"] === "monitoring", slowly);
    api.kubectl(["delete", "servicemonitor", "main-brazier"]);
    await until("another object", () => monitor().metadata.uid !== uid, slowly);
  });

  it("break nothing when they are removed, and come back", async () => {
    apply("Auto");
    api.kubectl(["delete", "crd", name]);
    // The operator goes on to do what it is asked for.
    api.kubectl(["delete", "service", "main-query"]);
    await until("the Service", () => api.kubectl(["get", "service", "-o", "name"]).includes("main-query"), slowly);
    apply("Always");
    await until("the fault", () => ready()?.reason === "KindMissing", slowly);
    apply("Auto");
    await until("no fault any more", () => ready()?.reason === "PodsNotReady", slowly);
    install();
    await until("the object", () => monitor().metadata.uid !== "", slowly);
    expect(operator.child.exitCode).toBe(null);
  });
});
