import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type TarFile, tar } from "./tar.ts";

/** One platform's root file system. */
export type Platform = { readonly architecture: string; readonly files: readonly TarFile[] };

export type ImageOptions = {
  /** `brazier-agent:0.1.0`; with a registry in front of it where it is to be pushed. */
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly user: string;
  /** `NAME=value`. */
  readonly env?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

const TYPE = "application/vnd.oci.image.";

/**
 * An OCI image archive (`ctr images import`, `podman load`, `skopeo copy oci-archive:`) with one image per platform under one name.
 * One of a single platform has docker's list of contents besides, for `docker load`.
 */
export function ociArchive(platforms: readonly Platform[], options: ImageOptions): Buffer {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer, mediaType: string) => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const docker: object[] = [];
  const manifests = platforms.map(({ architecture, files }) => {
    const layerTar = tar(files);
    const layer = put(gzipSync(layerTar, { level: 9 }), `${TYPE}layer.v1.tar+gzip`);
    const config = put(
      json({
        architecture,
        os: "linux",
        config: { Entrypoint: options.entrypoint, User: options.user, Env: options.env ?? [], Labels: options.labels },
        rootfs: { type: "layers", diff_ids: [sha256(layerTar)] },
        history: [{ created_by: "brazier" }],
      }),
      `${TYPE}config.v1+json`,
    );
    const manifest = { schemaVersion: 2, mediaType: `${TYPE}manifest.v1+json`, config, layers: [layer] };
    docker.push({ Config: blobPath(config.digest), RepoTags: [options.name], Layers: [blobPath(layer.digest)] });
    return { ...put(json(manifest), manifest.mediaType), platform: { architecture, os: "linux" } };
  });
  const index = { schemaVersion: 2, mediaType: `${TYPE}index.v1+json`, manifests };
  const [only] = manifests;
  // An archive with one platform names it directly: some importers do not follow an index within an index.
  const root = manifests.length === 1 && only !== undefined ? only : put(json(index), index.mediaType);
  const tag = options.name.slice(options.name.lastIndexOf(":") + 1);
  const annotations = { "io.containerd.image.name": options.name, "org.opencontainers.image.ref.name": tag };
  const file = (path: string, bytes: Buffer): TarFile => ({ path, bytes, mode: 0o644 });
  return tar([
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", json({ schemaVersion: 2, manifests: [{ ...root, annotations }] })),
    ...(docker.length === 1 ? [file("manifest.json", json(docker))] : []),
    ...[...blobs].map(([digest, bytes]) => file(blobPath(digest), bytes)),
  ]);
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
