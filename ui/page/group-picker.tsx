import type { ReactNode } from "react";
import type { Navigate } from "../state/use-view.ts";
import type { View } from "../state/view.ts";

/** By which label the timeline is split into lines, and how many lines there are at most. */
export function GroupPicker({
  view,
  names,
  groupBy,
  navigate,
}: {
  view: View;
  names: readonly string[];
  groupBy: string;
  navigate: Navigate;
}): ReactNode {
  const options = names.includes(groupBy) || groupBy === "" ? names : [groupBy, ...names];
  return (
    <div className="joined group-picker">
      <select
        className="control"
        aria-label="Group by"
        title="Group the timeline by a label"
        value={groupBy}
        onChange={(event) => navigate({ groupBy: event.target.value === "" ? "-" : event.target.value })}
      >
        <option value="">Not grouped</option>
        {options.map((name) => (
          <option key={name} value={name}>
            by {name}
          </option>
        ))}
      </select>
      {groupBy !== "" && (
        <select
          className="control"
          aria-label="Lines at most"
          title="Lines at most"
          value={view.top}
          onChange={(event) => navigate({ top: Number(event.target.value) })}
        >
          {[5, 10, 20, 50].map((top) => (
            <option key={top} value={top}>
              top {top}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
