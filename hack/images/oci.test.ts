import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { ociArchive } from "./oci.ts";
import { tar } from "./tar.ts";

describe("the image archive", () => {
  let folder = "";
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** tar itself unpacks what we pack. */
  function unpack(archive: Buffer): string {
    folder = mkdtempSync(join(tmpdir(), "brazier-oci-"));
    writeFileSync(join(folder, "a.tar"), archive);
    execFileSync("tar", ["-xf", "a.tar"], { cwd: folder });
    return folder;
  }

  it("packs files of every length with their modes", () => {
    const files = [0, 1, 511, 512, 513, 70_000].map((size) => ({
      path: `d/f${size}`,
      bytes: Buffer.alloc(size, "x"),
      mode: size === 1 ? 0o755 : 0o644,
    }));
    const root = unpack(tar(files));
    for (const { path, bytes, mode } of files) {
      expect(readFileSync(join(root, path)).equals(bytes)).toBe(true);
      expect(statSync(join(root, path)).mode & 0o777).toBe(mode);
    }
  });

  it("packs paths of more than a hundred bytes, and refuses what no header holds", () => {
    const path = `${"folder/".repeat(18)}${"n".repeat(90)}`;
    expect(readFileSync(join(unpack(tar([{ path, bytes: Buffer.from("deep"), mode: 0o644 }])), path), "utf8")).toBe("deep");
    expect(() => tar([{ path: "n".repeat(101), bytes: Buffer.alloc(0), mode: 0o644 }])).toThrow("too long");
  });

  it("refers to each blob by its digest, from the index down to the files", () => {
    const platforms = ["amd64", "arm64"].map((architecture) => ({
      architecture,
      files: [{ path: "program", bytes: Buffer.from(`for ${architecture}`), mode: 0o755 }],
    }));
    const options = { name: "agent:1.2", entrypoint: ["/program"], user: "0:0", labels: {} };
    const archive = ociArchive(platforms, options);
    const root = unpack(archive);
    const blob = (digest: string): Buffer => {
      const bytes = readFileSync(join(root, "blobs/sha256", digest.replace("sha256:", "")));
      expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(digest);
      return bytes;
    };
    const json = (bytes: Buffer) => JSON.parse(bytes.toString("utf8"));
    const [entry] = json(readFileSync(join(root, "index.json"))).manifests;
    expect(entry.annotations["org.opencontainers.image.ref.name"]).toBe("1.2");
    const manifests = json(blob(entry.digest)).manifests;
    expect(manifests.map((each: { platform: { architecture: string } }) => each.platform.architecture)).toEqual(["amd64", "arm64"]);
    for (const each of manifests) {
      const manifest = json(blob(each.digest));
      const config = json(blob(manifest.config.digest));
      expect(config.config.Entrypoint).toEqual(["/program"]);
      const layer = gunzipSync(blob(manifest.layers[0].digest));
      expect(config.rootfs.diff_ids).toEqual([`sha256:${createHash("sha256").update(layer).digest("hex")}`]);
      expect(layer.includes(`for ${each.platform.architecture}`)).toBe(true);
    }
    expect(ociArchive(platforms, options).equals(archive)).toBe(true);
  });
});
