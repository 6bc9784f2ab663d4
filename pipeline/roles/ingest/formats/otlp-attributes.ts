import type { Label } from "../../../profile/labels.ts";
import type { OtlpStrings } from "./otlp-strings.ts";
import { malformed, type WireReader } from "./otlp-wire.ts";

/**
 * Reads an attribute's value (AnyValue, entered) as text: its index among the request's strings, or `undefined` for kinds that make no label.
 * Strings and whole numbers do, inline or by reference, also as the only element of a list; the rest (floats, booleans, maps, bytes, longer
 * lists) does not, as in Pyroscope.
 * Errors: `malformed_profile` for a reference that leads nowhere.
 */
export function readValueText(wire: WireReader, strings: OtlpStrings, spell: boolean, insideList = false): number | undefined {
  let text: number | undefined;
  while (wire.next()) {
    switch (wire.field) {
      case 1:
        text = strings.addRange(wire.range());
        break;
      case 3:
        // Read in any case, spelled where somebody wants it.
        text = spelled(wire.signed64(), strings, spell);
        break;
      case 5: {
        const outer = wire.enter();
        text = insideList ? skipList(wire) : readListText(wire, strings, spell);
        wire.leave(outer);
        break;
      }
      case 8:
        text = dictionaryString(wire.index(), strings, "the value of an attribute");
        break;
      // bool, double, map, bytes: a oneof, so they replace what came before.
      case 2:
      case 4:
      case 6:
      case 7:
        wire.skip();
        text = undefined;
        break;
      default:
        wire.skip();
    }
  }
  return text;
}

/** Resource and scope attributes (KeyValue, each entered) that can be labels, in their order. */
export function readKeyValue(wire: WireReader, strings: OtlpStrings): Label | undefined {
  let name: number | undefined;
  let inlineName: number | undefined;
  let value: number | undefined;
  while (wire.next()) {
    switch (wire.field) {
      case 1:
        inlineName = strings.addRange(wire.range());
        break;
      case 2: {
        const outer = wire.enter();
        value = readValueText(wire, strings, true);
        wire.leave(outer);
        break;
      }
      case 3: {
        const reference = dictionaryString(wire.index(), strings, "the key of an attribute");
        name = reference === 0 ? undefined : reference;
        break;
      }
      default:
        wire.skip();
    }
  }
  name ??= inlineName;
  if (name === undefined || value === undefined || strings.isEmpty(name) || strings.isEmpty(value)) return undefined;
  return { name: strings.text(name), value: strings.text(value) };
}

export function dictionaryString(index: number, strings: OtlpStrings, what: string): number {
  if (index >= strings.dictionaryCount) {
    throw malformed(`${what} is string ${index}, but the dictionary has ${strings.dictionaryCount} strings`, {
      index,
      strings: strings.dictionaryCount,
    });
  }
  return index;
}

function spelled(value: bigint, strings: OtlpStrings, spell: boolean): number | undefined {
  return spell ? strings.addText(value.toString()) : undefined;
}

function readListText(wire: WireReader, strings: OtlpStrings, spell: boolean): number | undefined {
  let text: number | undefined;
  let elements = 0;
  while (wire.next()) {
    if (wire.field === 1) {
      const outer = wire.enter();
      text = readValueText(wire, strings, spell, true);
      wire.leave(outer);
      elements++;
    } else wire.skip();
  }
  return elements === 1 ? text : undefined;
}

function skipList(wire: WireReader): undefined {
  wire.position = wire.end;
  return undefined;
}
