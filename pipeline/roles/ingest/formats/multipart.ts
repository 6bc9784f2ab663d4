import { Busboy } from "@fastify/busboy";
import { malformed } from "../../../profile/wire-cursor.ts";

/** SDKs send two or three parts; more are not looked for. */
const PARTS_MAX = 16;

/**
 * The parts of a multipart/form-data body, by field name; of equal names the last one counts.
 *
 * Errors: `malformed_profile` when the body is no form.
 */
export function multipartFields(contentType: string, body: Uint8Array): Promise<ReadonlyMap<string, Buffer>> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, Buffer>();
    const refuse = (error: unknown): void => reject(malformed(`is in no valid multipart form: ${(error as Error).message}`));
    try {
      const form = new Busboy({
        headers: { "content-type": contentType },
        limits: { parts: PARTS_MAX, fileSize: body.length },
        // Parts without a file name are bytes too: as text they would be decoded, and broken.
        isPartAFile: () => true,
      });
      form.on("file", (name, stream) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("error", refuse);
        stream.on("end", () => fields.set(name, Buffer.concat(chunks)));
      });
      form.on("error", refuse);
      form.on("finish", () => resolve(fields));
      form.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    } catch (error) {
      refuse(error);
    }
  });
}
