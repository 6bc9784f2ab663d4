import type { ReactNode } from "react";
import { familyOf, parseProfileType, titleOf } from "../format/profile-type.ts";

/** Which kind of profile is shown; types of one family stand together. */
export function TypePicker({
  ids,
  selected,
  onSelect,
}: {
  ids: readonly string[];
  selected: string;
  onSelect: (id: string) => void;
}): ReactNode {
  const types = ids.map(parseProfileType);
  const families = [...new Set(types.map(familyOf))];
  const titles = types.map(titleOf);
  return (
    <select
      className="control type-picker"
      aria-label="Profile type"
      title={selected}
      value={selected}
      onChange={(event) => onSelect(event.target.value)}
    >
      {ids.length === 0 && <option value={selected}>{selected === "" ? "No profiles" : titleOf(parseProfileType(selected))}</option>}
      {families.map((family) => (
        <optgroup key={family} label={family}>
          {types.map((type, i) =>
            familyOf(type) !== family ? null : (
              <option key={type.id} value={type.id}>
                {/* Two ids with one title (other period, other unit) are told apart by the id. */}
                {titles.indexOf(titles[i]!) === titles.lastIndexOf(titles[i]!) ? titles[i] : `${titles[i]} · ${type.id}`}
              </option>
            ),
          )}
        </optgroup>
      ))}
    </select>
  );
}
