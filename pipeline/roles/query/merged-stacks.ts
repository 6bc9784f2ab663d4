/**
 * Distinct stacktraces of a selection with their summed values and full symbols: what a pprof answer, a DOT graph and
 * anything that shows lines, addresses or files is made of.
 *
 * Shape: as `QueuedProfile`: string 0 is ""; mapping and function references are index + 1, 0 for none; stack i is
 * stackLocations[stackEnds[i - 1] .. stackEnds[i]], leaf first, with values[i].
 */
export type MergedStacks = {
  readonly strings: { readonly bytes: Uint8Array; readonly ends: Uint32Array };
  readonly mappings: {
    readonly fileName: Uint32Array;
    readonly buildId: Uint32Array;
    readonly startLo: Uint32Array;
    readonly startHi: Uint32Array;
    readonly limitLo: Uint32Array;
    readonly limitHi: Uint32Array;
    readonly offsetLo: Uint32Array;
    readonly offsetHi: Uint32Array;
    readonly flags: Uint32Array;
  };
  readonly functions: {
    readonly name: Uint32Array;
    readonly systemName: Uint32Array;
    readonly fileName: Uint32Array;
    readonly startLine: Uint32Array;
  };
  readonly locations: {
    readonly mapping: Uint32Array;
    readonly addressLo: Uint32Array;
    readonly addressHi: Uint32Array;
    readonly lineEnds: Uint32Array;
  };
  readonly lines: { readonly function: Uint32Array; readonly number: Uint32Array };
  readonly stackLocations: Uint32Array;
  readonly stackEnds: Uint32Array;
  readonly values: Float64Array;
};
