/**
 * Symbols in columns, as a queued profile, a dataset and a merged answer all have them.
 *
 * Shape: string 0 is ""; string i ends at ends[i] and starts where string i - 1 ends. Names are string indexes. mapping of a location and
 * function of a line: index + 1, 0 for none. Lines of location i end at lineEnds[i] and start where those of i - 1 end, innermost first.
 * Units: addresses are two unsigned 32-bit halves; mapping flags: 1 functions, 2 file names, 4 line numbers, 8 inline frames; line numbers from 1, 0 for none.
 */
export type SymbolTables = {
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
};
