import { S3_IMAGE } from "./images.ts";

/* What a cluster has besides a stack: volumes, and an S3 server with a bucket. */

export const ACCESS = { access_key_id: "brazier-test", secret_access_key: "brazier-test-secret" } as const;

/** The default class, with one volume for each folder: folders are made beforehand and everybody may enter them. */
export function volumes(paths: readonly string[]): readonly object[] {
  return [
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "local", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
    },
    ...paths.map((path, index) => ({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `disk-${index}` },
      spec: {
        capacity: { storage: "1Ti" },
        accessModes: ["ReadWriteOnce"],
        storageClassName: "local",
        persistentVolumeReclaimPolicy: "Retain",
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "Exists" }] }] } },
      },
    })),
  ];
}

export function bucketServer(namespace: string): readonly object[] {
  const labels = { app: "s3" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "s3", namespace }, stringData: ACCESS },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s3", namespace },
      spec: { selector: labels, ports: [{ port: 9000 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "s3", namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            securityContext: { fsGroup: 65532 },
            containers: [
              {
                name: "s3",
                image: S3_IMAGE,
                args: ["--port", ":9000", "--access", ACCESS.access_key_id, "--secret", ACCESS.secret_access_key, "posix", "/data"],
                volumeMounts: [
                  { name: "data", mountPath: "/data" },
                  // A folder is a bucket: it is there before the server.
                  { name: "data", mountPath: "/data/profiles", subPath: "profiles" },
                ],
              },
            ],
            volumes: [{ name: "data", emptyDir: {} }],
          },
        },
      },
    },
  ];
}

/** The stack of the README: a bucket, and everything else as it is by default. */
export function stack(namespace: string, spec: object): object {
  return {
    apiVersion: "profiling.brazier.dev/v1alpha1",
    kind: "ProfilingStack",
    metadata: { name: "main", namespace },
    spec: { storage: { s3: { bucket: "profiles", endpoint: "http://s3:9000", credentialsSecret: { name: "s3" } } }, ...spec },
  };
}
