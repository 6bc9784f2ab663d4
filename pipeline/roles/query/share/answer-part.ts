import type { BlockEngine } from "../engine.ts";
import { encodeAnswer } from "./answer-codec.ts";
import { callEngine, type EngineCall } from "./engine-call.ts";
import { encodePartAnswer } from "./part.ts";

/** A peer's side: answers a part with an engine over the part's own catalog. Errors: those of the engine. */
export async function answerPart(call: EngineCall, engine: BlockEngine): Promise<Uint8Array> {
  const answer = encodeAnswer(call.method, await callEngine(engine, call));
  return encodePartAnswer({ bytesRead: engine.bytesRead, answer });
}
