import { type DecodedProfile, MISSING } from "./decoded-profile.ts";
import { HighHalves } from "./high-halves.ts";
import { IdIndex } from "./id-index.ts";
import { GROUPS, growColumns } from "./pprof-tables.ts";
import { malformed, type WireCursor } from "./wire-cursor.ts";

/**
 * Reads locations, functions and mappings of pprof into columns. What refers to another table stands there as the id that was sent,
 * until `resolve` replaces it by an index: the tables may come in any order.
 */
export class PprofSymbols {
  readonly #cursor: WireCursor;
  readonly #profile: DecodedProfile;
  readonly locationIds = new IdIndex();
  readonly #functionIds = new IdIndex();
  readonly #mappingIds = new IdIndex();
  readonly #lineFunctionHi = new HighHalves();
  readonly #locationMappingHi = new HighHalves();

  constructor(cursor: WireCursor, profile: DecodedProfile) {
    this.#cursor = cursor;
    this.#profile = profile;
  }

  clear(): void {
    this.locationIds.clear();
    this.#functionIds.clear();
    this.#mappingIds.clear();
    this.#lineFunctionHi.clear();
    this.#locationMappingHi.clear();
  }

  readLocation(start: number, end: number): number {
    const cursor = this.#cursor;
    const locations = this.#profile.locations;
    const location = locations.count;
    if (location === locations.mapping.length) growColumns(locations, GROUPS.locations);
    let idLo = 0;
    let idHi = 0;
    let mapping = 0;
    let addressLo = 0;
    let addressHi = 0;
    let folded = 0;
    const lineStart = locations.lineTotal;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          idLo = cursor.lo;
          idHi = cursor.hi;
          break;
        case 0x10:
          position = cursor.varint(position);
          mapping = cursor.lo;
          if (cursor.hi !== 0) this.#locationMappingHi.set(location, cursor.hi);
          break;
        case 0x18:
          position = cursor.varint(position);
          addressLo = cursor.lo;
          addressHi = cursor.hi;
          break;
        case 0x22:
          position = cursor.length(position, end);
          position = this.#readLine(position, position + cursor.lo);
          break;
        case 0x28:
          position = cursor.varint(position);
          folded = cursor.lo === 0 && cursor.hi === 0 ? 0 : 1;
          break;
        default:
          position = cursor.skipUnknown("location", 5, position, end);
      }
    }
    if (position !== end) throw malformed("has a location that reaches beyond its end", start);
    if (idLo === 0 && idHi === 0) throw malformed("has a location with id 0", start);
    this.locationIds.add(idLo, idHi);
    locations.mapping[location] = mapping;
    locations.addressLo[location] = addressLo;
    locations.addressHi[location] = addressHi;
    locations.folded[location] = folded;
    locations.lineStart[location] = lineStart;
    locations.lineCount[location] = locations.lineTotal - lineStart;
    locations.count = location + 1;
    return end;
  }

  #readLine(start: number, end: number): number {
    const cursor = this.#cursor;
    const locations = this.#profile.locations;
    const line = locations.lineTotal;
    if (line === locations.lineFunction.length) growColumns(locations, GROUPS.lines);
    let fn = 0;
    let number = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          fn = cursor.lo;
          if (cursor.hi !== 0) this.#lineFunctionHi.set(line, cursor.hi);
          break;
        case 0x10:
          position = cursor.varint(position);
          number = cursor.signed32();
          break;
        case 0x18:
          position = cursor.varint(position);
          break;
        default:
          position = cursor.skipUnknown("line", 3, position, end);
      }
    }
    if (position !== end) throw malformed("has a line that reaches beyond its end", start);
    locations.lineFunction[line] = fn;
    locations.lineNumber[line] = number;
    locations.lineTotal = line + 1;
    return end;
  }

  readFunction(start: number, end: number): number {
    const cursor = this.#cursor;
    const functions = this.#profile.functions;
    const fn = functions.count;
    if (fn === functions.name.length) growColumns(functions, GROUPS.functions);
    let idLo = 0;
    let idHi = 0;
    let name = 0;
    let systemName = 0;
    let fileName = 0;
    let startLine = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          idLo = cursor.lo;
          idHi = cursor.hi;
          break;
        case 0x10:
          position = cursor.varint(position);
          name = cursor.index();
          break;
        case 0x18:
          position = cursor.varint(position);
          systemName = cursor.index();
          break;
        case 0x20:
          position = cursor.varint(position);
          fileName = cursor.index();
          break;
        case 0x28:
          position = cursor.varint(position);
          startLine = cursor.signed32();
          break;
        default:
          position = cursor.skipUnknown("function", 5, position, end);
      }
    }
    if (position !== end) throw malformed("has a function that reaches beyond its end", start);
    this.#functionIds.add(idLo, idHi);
    functions.name[fn] = name;
    functions.systemName[fn] = systemName;
    functions.fileName[fn] = fileName;
    functions.startLine[fn] = startLine;
    functions.count = fn + 1;
    return end;
  }

  readMapping(start: number, end: number): number {
    const cursor = this.#cursor;
    const mappings = this.#profile.mappings;
    const mapping = mappings.count;
    if (mapping === mappings.flags.length) growColumns(mappings, GROUPS.mappings);
    for (const name of GROUPS.mappings) mappings[name][mapping] = 0;
    let idLo = 0;
    let idHi = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      if ((tag & 7) !== 0 || tag >= 0x80 || tag >>> 3 === 0 || tag >>> 3 > 10) {
        position = cursor.skipUnknown("mapping", 10, position, end);
        continue;
      }
      position = cursor.varint(position);
      switch (tag >>> 3) {
        case 1:
          idLo = cursor.lo;
          idHi = cursor.hi;
          break;
        case 2:
          mappings.startLo[mapping] = cursor.lo;
          mappings.startHi[mapping] = cursor.hi;
          break;
        case 3:
          mappings.limitLo[mapping] = cursor.lo;
          mappings.limitHi[mapping] = cursor.hi;
          break;
        case 4:
          mappings.offsetLo[mapping] = cursor.lo;
          mappings.offsetHi[mapping] = cursor.hi;
          break;
        case 5:
          mappings.fileName[mapping] = cursor.index();
          break;
        case 6:
          mappings.buildId[mapping] = cursor.index();
          break;
        default:
          // has_functions 7, has_filenames 8, has_line_numbers 9, has_inline_frames 10
          if (cursor.lo !== 0 || cursor.hi !== 0) mappings.flags[mapping] = (mappings.flags[mapping] as number) | (1 << ((tag >>> 3) - 7));
      }
    }
    if (position !== end) throw malformed("has a mapping that reaches beyond its end", start);
    this.#mappingIds.add(idLo, idHi);
    mappings.count = mapping + 1;
    return end;
  }

  /** Replaces ids by indexes. `repairFunctionIds`: see PprofReadOptions. */
  resolve(repairFunctionIds: boolean): void {
    const { locations } = this.#profile;
    this.#checkFunctionIds(repairFunctionIds);
    this.locationIds.build();
    this.#functionIds.build();
    this.#mappingIds.build();
    const { lineFunction, lineTotal, mapping } = locations;
    const lineFunctionHi = this.#lineFunctionHi.column(lineTotal);
    for (let line = 0; line < lineTotal; line++) {
      const found = this.#functionIds.find(lineFunction[line] as number, lineFunctionHi?.[line] ?? 0);
      lineFunction[line] = found === MISSING ? 0 : found + 1;
    }
    const mappingHi = this.#locationMappingHi.column(locations.count);
    for (let location = 0; location < locations.count; location++) {
      const lo = mapping[location] as number;
      const hi = mappingHi?.[location] ?? 0;
      if (lo === 0 && hi === 0) continue;
      const found = this.#mappingIds.find(lo, hi);
      mapping[location] = found === MISSING ? MISSING : found + 1;
    }
  }

  #checkFunctionIds(repair: boolean): void {
    const { functions, locations } = this.#profile;
    let zeros = 0;
    for (let fn = 0; fn < functions.count; fn++) if (this.#functionIds.isZero(fn)) zeros++;
    if (zeros === 0) return;
    if (repair && zeros === functions.count && functions.count === locations.count) this.#functionIds.copyFrom(this.locationIds);
    else throw malformed("has a function with id 0");
  }
}
