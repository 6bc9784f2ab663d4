/**
 * The symbols of one dataset in columns.
 *
 * Shape: string 0 is "". Mappings, functions and locations are numbered from 0; references to them are index + 1, 0 for none. Lines of
 * location i end at lineEnds[i] and start where those of i - 1 end, innermost first. Stack nodes are numbered from 1: node i has its parent and location at
 * index i - 1 of the node columns, parents before children, parent 0 is the root (the empty stacktrace); a stacktrace is the id of its leaf node.
 * Units: addresses are two unsigned 32-bit halves; line numbers from 1, 0 for none.
 */
export type Symbols = {
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
  readonly nodes: { readonly parent: Uint32Array; readonly location: Uint32Array };
};
