import type { SpanColumns, StackValues } from "../../block/section/stack-values.ts";
import type { StackSelection } from "./engine-interface.ts";
import type { SectionReader } from "./read.ts";
import { type SelectedRows, withRowMask } from "./select.ts";

/**
 * Sums the selected values of a dataset per stack. Where all rows of the matching series are selected the precomputed totals answer;
 * else the samples do.
 *
 * Shape: gives the sum by stack id; stacks without a value are 0.
 */
export async function sumPerStack(
  rows: SelectedRows,
  stacks: StackSelection,
  stackCount: number,
  reader: SectionReader,
): Promise<Float64Array> {
  const sums = new Float64Array(stackCount);
  const bySpan = spanFilter(stacks);
  const totals = rows.rowMask === undefined && bySpan === undefined ? reader.totals(rows.planned, rows.kindIndex) : undefined;
  if (totals !== undefined) {
    addSums(await totals, rows.sampleType, rows.seriesMask, undefined, sums);
    return sums;
  }
  const samples = await reader.samples(rows.planned, rows.kindIndex);
  addSums(samples, rows.sampleType, await withRowMask(rows, reader), bySpan === undefined ? undefined : bySpan(samples), sums);
  return sums;
}

/** Which rows of a samples table carry a wanted span and trace; undefined when the selection names none. */
export function spanFilter({ spanIds, traceIds }: StackSelection): ((samples: StackValues) => Uint8Array) | undefined {
  if (spanIds.length === 0 && traceIds.length === 0) return undefined;
  const spans = new Set(spanIds);
  const traces = new Set(traceIds);
  return (samples) => {
    const mask = new Uint8Array(samples.row.length);
    samples.spans?.row.forEach((row, i) => {
      if (spans.size > 0 && !spans.has(hexWords(samples.spans!.spans, i * 2, 2))) return;
      if (traces.size > 0 && !traces.has(hexWords(samples.spans!.traces, i * 4, 4))) return;
      mask[row] = 1;
    });
    return mask;
  };
}

/** The bytes of the words in the order they came, as hex. */
export function hexWords(words: SpanColumns["spans"], start: number, count: number): string {
  return Buffer.from(words.buffer, words.byteOffset + start * 4, count * 4).toString("hex");
}

function addSums(table: StackValues, sampleType: number, mask: Uint8Array, sampleMask: Uint8Array | undefined, sums: Float64Array): void {
  const { stacks, runEnds, row } = table;
  const values = table.values[sampleType]!;
  let at = 0;
  for (let run = 0; run < runEnds.length; run++) {
    let sum = 0;
    for (const end = runEnds[run]!; at < end; at++) {
      if (mask[row[at]!] === 1 && (sampleMask === undefined || sampleMask[at] === 1)) sum += values[at]!;
    }
    sums[stacks[run]!]! += sum;
  }
}
