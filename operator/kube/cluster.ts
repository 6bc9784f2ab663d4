import { createConfiguration, HttpMethod, type KubeConfig, RequestContext } from "@kubernetes/client-node";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import { collectionPath, type Resource, resourceOf } from "./kinds.ts";
import { type Kind, type KubeObject, textAt, valueAt } from "./object.ts";

export type ObjectRef = Kind & { readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string } };

export type ListOptions = {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
};

/** What the operator asks of an API server. Every method rejects with a {@link CodedError} of {@link faultOf}. */
export interface Cluster {
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  list(resource: Resource, options: ListOptions): Promise<KubeList>;
  create(object: KubeObject): Promise<KubeObject>;
  replace(object: KubeObject): Promise<KubeObject>;
  /** Server-side apply, taking over fields that others have set. */
  apply(object: KubeObject, options: { readonly manager: string; readonly subresource?: "status" }): Promise<KubeObject>;
  /** Removes exactly the object with this uid, where one is given; one that is gone already is no fault. */
  remove(ref: ObjectRef, propagation: "Background" | "Orphan"): Promise<void>;
  /** Asks exactly this pod to go; false where a disruption budget says that it must not now. */
  evict(pod: KubeObject): Promise<boolean>;
  /** The names of what a version of a group serves; undefined where the cluster does not serve it at all. */
  served(groupVersion: string): Promise<readonly string[] | undefined>;
}

export type KubeList = { readonly items: readonly KubeObject[]; readonly resourceVersion: string };

type CallOptions = {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
};

/** A bound on one request: an API server that is silent for longer counts as away. */
const REQUEST_TIMEOUT_MS = 30_000;
const PAGE = 500;

/** The API server behind a kubeconfig or a service account, by way of the client library's settings and transport. */
export class ApiServer implements Cluster {
  readonly #config: KubeConfig;
  readonly #http = createConfiguration().httpApi;
  readonly #onCall: (verb: string, resource: string, status: number) => void;

  constructor(config: KubeConfig, onCall: (verb: string, resource: string, status: number) => void = () => {}) {
    this.#config = config;
    this.#onCall = onCall;
  }

  async get(ref: ObjectRef): Promise<KubeObject | undefined> {
    try {
      return (await this.#call("get", HttpMethod.GET, objectPath(ref), ref.kind)) as KubeObject;
    } catch (error) {
      if (error instanceof CodedError && error.kind === FaultKind.NotFound) return undefined;
      throw error;
    }
  }

  async list(resource: Resource, options: ListOptions): Promise<KubeList> {
    const items: KubeObject[] = [];
    let next: string | undefined;
    let resourceVersion = "";
    do {
      const query = { limit: String(PAGE), labelSelector: options.labelSelector, fieldSelector: options.fieldSelector, continue: next };
      const page = await this.#call("list", HttpMethod.GET, collectionPath(resource, options.namespace), resource.kind, { query });
      // Items of a list do not say what they are.
      for (const item of valueAt(page, "items") as readonly KubeObject[])
        items.push({ ...item, apiVersion: resource.apiVersion, kind: resource.kind });
      next = textAt(page, "metadata", "continue") || undefined;
      resourceVersion = textAt(page, "metadata", "resourceVersion") ?? "";
    } while (next !== undefined);
    return { items, resourceVersion };
  }

  async create(object: KubeObject): Promise<KubeObject> {
    const path = collectionPath(resourceOf(object), object.metadata.namespace);
    return (await this.#call("create", HttpMethod.POST, path, object.kind, { body: object })) as KubeObject;
  }

  async replace(object: KubeObject): Promise<KubeObject> {
    return (await this.#call("update", HttpMethod.PUT, objectPath(object), object.kind, { body: object })) as KubeObject;
  }

  async apply(object: KubeObject, options: { readonly manager: string; readonly subresource?: "status" }): Promise<KubeObject> {
    const path = options.subresource === undefined ? objectPath(object) : `${objectPath(object)}/${options.subresource}`;
    return (await this.#call("patch", HttpMethod.PATCH, path, object.kind, {
      query: { fieldManager: options.manager, force: "true", fieldValidation: "Strict" },
      body: object,
      contentType: "application/apply-patch+yaml",
    })) as KubeObject;
  }

  async remove(ref: ObjectRef, propagation: "Background" | "Orphan"): Promise<void> {
    const preconditions = ref.metadata.uid === undefined ? {} : { preconditions: { uid: ref.metadata.uid } };
    try {
      await this.#call("delete", HttpMethod.DELETE, objectPath(ref), ref.kind, {
        body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: propagation, ...preconditions },
      });
    } catch (error) {
      // Gone, or another one of the same name: not what was to be removed.
      if (error instanceof CodedError && (error.kind === FaultKind.NotFound || error.kind === FaultKind.Conflict)) return;
      throw error;
    }
  }

  async evict(pod: KubeObject): Promise<boolean> {
    const { name, namespace, uid } = pod.metadata;
    const preconditions = uid === undefined ? {} : { deleteOptions: { preconditions: { uid } } };
    const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace }, ...preconditions };
    try {
      await this.#call("create", HttpMethod.POST, `${objectPath(pod)}/eviction`, "Eviction", { body });
      return true;
    } catch (error) {
      // Gone, or another one of the same name: not what was to go.
      if (error instanceof CodedError && (error.kind === FaultKind.NotFound || error.kind === FaultKind.Conflict)) return true;
      if (error instanceof CodedError && error.kind === FaultKind.Limited) return false;
      throw error;
    }
  }

  async served(groupVersion: string): Promise<readonly string[] | undefined> {
    try {
      const known = await this.#call("get", HttpMethod.GET, `/apis/${groupVersion}`, "APIResourceList");
      return (valueAt(known, "resources") as readonly unknown[]).map((resource) => textAt(resource, "name") ?? "");
    } catch (error) {
      if (error instanceof CodedError && error.kind === FaultKind.NotFound) return undefined;
      throw error;
    }
  }

  /** The text at a path, as it is: a log, or what a pod answers behind the server's proxy. */
  read(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    return this.#send("get", HttpMethod.GET, path, "text", { query, accept: "*/*" });
  }

  async #call(verb: string, method: HttpMethod, path: string, kind: string, options: CallOptions = {}): Promise<unknown> {
    const text = await this.#send(verb, method, path, kind, options);
    return text === "" ? {} : JSON.parse(text);
  }

  async #send(
    verb: string,
    method: HttpMethod,
    path: string,
    kind: string,
    options: CallOptions & { readonly accept?: string },
  ): Promise<string> {
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined)
      throw new CodedError(
        "cluster_unknown",
        FaultKind.Invalid,
        "no cluster is configured: run inside one, or give a kubeconfig (KUBECONFIG)",
      );
    const request = new RequestContext(server.replace(/\/$/, "") + path, method);
    for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined) request.setQueryParam(name, value);
    request.setHeaderParam("Accept", options.accept ?? "application/json");
    if (options.body !== undefined) {
      request.setHeaderParam("Content-Type", options.contentType ?? "application/json");
      request.setBody(JSON.stringify(options.body));
    }
    request.setSignal(AbortSignal.timeout(REQUEST_TIMEOUT_MS));
    let status = 0;
    try {
      await this.#config.applySecurityAuthentication(request);
      const response = await this.#http.send(request).toPromise();
      status = response.httpStatusCode;
      const text = await response.body.text();
      if (status >= 400) throw faultOf(status, `${verb} ${path}`, text);
      return text;
    } catch (error) {
      if (error instanceof CodedError) throw error;
      const reason =
        error instanceof Error ? `${error.message}${error.cause instanceof Error ? `: ${error.cause.message}` : ""}` : String(error);
      throw new CodedError("cluster_unreachable", FaultKind.Unavailable, `the API server does not answer: ${reason}`, { cause: error });
    } finally {
      this.#onCall(verb, kind, status);
    }
  }
}

function objectPath(ref: ObjectRef): string {
  return `${collectionPath(resourceOf(ref), ref.metadata.namespace)}/${ref.metadata.name}`;
}

/** What an answer of the API server means for who asked; the server's own words are in the message. */
function faultOf(status: number, what: string, text: string): CodedError {
  let message = text.slice(0, 500);
  try {
    message = textAt(JSON.parse(text), "message") ?? message;
  } catch {
    // An answer that is no JSON comes from something between us and the server.
  }
  const facts = { status, request: what };
  const fault = (code: string, kind: FaultKind) => new CodedError(code, kind, `${what}: ${message}`, { facts });
  if (status === 404) return fault("cluster_not_found", FaultKind.NotFound);
  if (status === 409) return fault("cluster_conflict", FaultKind.Conflict);
  if (status === 410) return fault("cluster_history_gone", FaultKind.Conflict);
  if (status === 401 || status === 403) return fault("cluster_denied", FaultKind.Denied);
  if (status === 422 || status === 400)
    return fault(
      /immutable|forbidden: updates to statefulset spec|field is immutable/i.test(message) ? "cluster_immutable" : "cluster_invalid",
      FaultKind.Invalid,
    );
  if (status === 429) return fault("cluster_limited", FaultKind.Limited);
  return fault("cluster_unavailable", FaultKind.Unavailable);
}
