import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { push } from "../harness/client.ts";
import { type Server, startServer } from "../harness/server.ts";
import { meaningOf, type RecordedReply } from "./meaning.ts";
import { ownRecording, type RecordedAnswer, type Recording, siblingRecording } from "./recordings.ts";

/* Asks a running server what was asked of Pyroscope 2, and compares the answers by meaning. */

const sibling = siblingRecording();
replay(ownRecording());
if (sibling !== undefined) replay(sibling);
else describe.skip("answers of Pyroscope 2 beside the clone (../shared/golden is not on this machine)", () => it("are replayed", () => {}));

function replay(recording: Recording): void {
  describe(`answers of Pyroscope 2 ${recording.name}`, () => {
    let server: Server;

    beforeAll(async () => {
      // The recorded profiles grow older every day, so nothing may be too old to take or to look at.
      server = await startServer({ config: { auth: { mode: "header" }, limits: { reject_older_than: "0s", query_lookback_max: "0s" } } });
      for (const { tenant, labels, read } of recording.profiles) {
        const reply = await push(server.url, [{ labels, profile: read() }], { tenant });
        // Pyroscope refused one of them as well.
        if (reply.status !== 200) expect([reply.status, labels["service_name"]]).toEqual([400, "invalid-utf8"]);
      }
    });
    afterAll(() => server.stop());

    it.each(recording.answers.map((answer) => [answer.name, answer] as const))("%s", async (_, { name, request, response, stable }) => {
      const got = await replyOf(server.url, request);
      const isDiff = name.includes("diff");
      if (stable) expect(meaningOf(got, isDiff)).toEqual(meaningOf(response, isDiff));
      else expect(got.status).toBe(response.status);
    });
  });
}

async function replyOf(url: string, { method, path, headers, body }: RecordedAnswer["request"]): Promise<RecordedReply> {
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body === undefined || body === null ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  return isJson ? { status: response.status, body: JSON.parse(text) as unknown } : { status: response.status, bodyText: text };
}
