import type { Label } from "../../../profile/labels.ts";
import { readKeyValue } from "./otlp-attributes.ts";
import { type OtlpDictionary, readOtlpDictionary } from "./otlp-dictionary.ts";
import { malformed, type WireRange, WireReader } from "./otlp-wire.ts";

/** An export request taken apart down to its profiles, which are still bytes. */
export type OtlpRequest = { readonly dictionary: OtlpDictionary; readonly resources: readonly OtlpResource[] };
export type OtlpResource = { readonly attributes: readonly Label[]; readonly scopes: readonly OtlpScope[] };
export type OtlpScope = { readonly attributes: readonly Label[]; readonly profiles: readonly WireRange[] };

/** Errors: `malformed_profile` for anything that makes the whole request unusable. */
export function readOtlpRequest(body: Uint8Array, droppedSampleAttributes?: ReadonlySet<string>): OtlpRequest {
  const wire = new WireReader(body);
  const resourceRanges: WireRange[] = [];
  const dictionaryRanges: WireRange[] = [];
  while (wire.next()) {
    if (wire.field === 1) resourceRanges.push(wire.range());
    else if (wire.field === 2) dictionaryRanges.push(wire.range());
    else wire.skip();
  }
  if (dictionaryRanges.length === 0)
    throw malformed("the request has no dictionary: send ProfilesDictionary with its tables, as OTLP of 2025 and later does");
  if (resourceRanges.length === 0) throw malformed("the request has no resource profiles");

  // The dictionary first: resource attributes may refer to its strings.
  const dictionary = readOtlpDictionary(body, dictionaryRanges, droppedSampleAttributes);
  return { dictionary, resources: resourceRanges.map((range) => readResource(wire, range, dictionary)) };
}

function readResource(wire: WireReader, range: WireRange, dictionary: OtlpDictionary): OtlpResource {
  const attributes: Label[] = [];
  const scopes: OtlpScope[] = [];
  wire.seek(range);
  while (wire.next()) {
    if (wire.field === 1) readAttributes(wire, 1, attributes, dictionary);
    else if (wire.field === 2) scopes.push(readScope(wire, dictionary));
    else wire.skip();
  }
  return { attributes, scopes };
}

function readScope(wire: WireReader, dictionary: OtlpDictionary): OtlpScope {
  const attributes: Label[] = [];
  const profiles: WireRange[] = [];
  const outer = wire.enter();
  while (wire.next()) {
    if (wire.field === 1) readAttributes(wire, 3, attributes, dictionary);
    else if (wire.field === 2) profiles.push(wire.range());
    else wire.skip();
  }
  wire.leave(outer);
  return { attributes, profiles };
}

/** Of a Resource or InstrumentationScope: `field` holds its attributes. Name and version of a scope make no labels, as in Pyroscope. */
function readAttributes(wire: WireReader, field: number, into: Label[], { strings }: OtlpDictionary): void {
  const outer = wire.enter();
  while (wire.next()) {
    if (wire.field !== field) {
      wire.skip();
      continue;
    }
    const attributeOuter = wire.enter();
    const label = readKeyValue(wire, strings);
    wire.leave(attributeOuter);
    if (label !== undefined) into.push(label);
  }
  wire.leave(outer);
}
