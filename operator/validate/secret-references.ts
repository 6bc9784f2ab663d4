import type { ProfilingStackSpec } from "../types/profiling-stack.ts";

/** A Secret that the spec names: where, and which keys it must have. */
export type SecretReference = { readonly path: string; readonly name: string; readonly keys: readonly string[] };

export function secretReferences(spec: ProfilingStackSpec): readonly SecretReference[] {
  const s3 = spec.storage.s3;
  const external = spec.queue?.external;
  const found: SecretReference[] = [];
  const add = (path: string, secret: { readonly name: string; readonly key: string } | undefined): void => {
    if (secret !== undefined) found.push({ path, name: secret.name, keys: [secret.key] });
  };
  if (s3?.credentialsSecret !== undefined) {
    const { name, accessKeyIdKey, secretAccessKeyKey, sessionTokenKey } = s3.credentialsSecret;
    const keys = [accessKeyIdKey, secretAccessKeyKey, ...(sessionTokenKey === undefined ? [] : [sessionTokenKey])];
    found.push({ path: "spec.storage.s3.credentialsSecret", name, keys });
  }
  add("spec.storage.s3.caSecret", s3?.caSecret);
  add("spec.queue.external.credentialsSecret", external?.credentialsSecret);
  if (external?.userSecret !== undefined) {
    const { name, userKey, passwordKey } = external.userSecret;
    found.push({ path: "spec.queue.external.userSecret", name, keys: [userKey, passwordKey] });
  }
  add("spec.queue.external.tls.caSecret", external?.tls?.caSecret);
  if (external?.tls?.clientSecret !== undefined)
    found.push({ path: "spec.queue.external.tls.clientSecret", name: external.tls.clientSecret.name, keys: ["tls.crt", "tls.key"] });
  add("spec.auth.tokensSecret", spec.auth.tokensSecret);
  if (spec.agent.enabled) add("spec.agent.tokenSecret", spec.agent.tokenSecret);
  if (spec.expose.tls !== undefined)
    found.push({
      path: "spec.expose.tls.secretName",
      name: spec.expose.tls.secretName,
      keys: ["tls.crt", "tls.key", ...(spec.agent.enabled ? ["ca.crt"] : [])],
    });
  return found;
}
