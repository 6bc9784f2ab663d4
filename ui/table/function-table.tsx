import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { NameTest } from "../flame/search.ts";
import { formatExact, formatPercent, formatPoints, formatValue } from "../format/units.ts";
import { useSize } from "../state/use-size.ts";
import type { SortKey } from "../state/view.ts";
import { type FunctionRow, sortRows } from "./function-rows.ts";

export interface FunctionTableProps {
  readonly rows: readonly FunctionRow[];
  readonly whole: number;
  readonly unit: string;
  readonly isDiff: boolean;
  readonly test: NameTest | undefined;
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly focus: string;
  readonly hoveredFunction: string;
  readonly onSort: (key: SortKey, descending: boolean) => void;
  readonly onFocus: (functionName: string) => void;
  readonly onHover: (functionName: string) => void;
}

const ROW_PX = 24;
/** Rows kept above and below the visible ones, so that a quick scroll shows no holes. */
const SPARE_ROWS = 8;

const PLAIN_COLUMNS: readonly { readonly key: SortKey; readonly title: string }[] = [
  { key: "name", title: "Function" },
  { key: "self", title: "Self" },
  { key: "total", title: "Total" },
];
const DIFF_COLUMNS: readonly { readonly key: SortKey; readonly title: string }[] = [
  { key: "name", title: "Function" },
  { key: "self", title: "Self" },
  { key: "selfChange", title: "Δ self" },
  { key: "total", title: "Total" },
  { key: "totalChange", title: "Δ total" },
];

/** Every function of the answer; only the rows in sight are in the document. */
export function FunctionTable(props: FunctionTableProps): ReactNode {
  const { rows, whole, unit, isDiff, test, sort, descending } = props;
  const scroller = useRef<HTMLTableSectionElement>(null);
  const { height } = useSize(scroller);
  const [scrollTopPx, setScrollTopPx] = useState(0);
  // The row that Tab reaches; arrow keys move it.
  const [active, setActive] = useState(0);
  const wantsFocus = useRef(false);
  const shown = useMemo(() => {
    const found = test === undefined ? rows : rows.filter((row) => test(row.name));
    return sortRows(found, sort, descending);
  }, [rows, test, sort, descending]);
  useEffect(() => {
    if (scroller.current !== null) scroller.current.scrollTop = 0;
    setActive(0);
  }, [sort, descending, test]);

  const columns = isDiff ? DIFF_COLUMNS : PLAIN_COLUMNS;
  const first = Math.max(0, Math.floor(scrollTopPx / ROW_PX) - SPARE_ROWS);
  const last = Math.min(shown.length, Math.ceil((scrollTopPx + height) / ROW_PX) + SPARE_ROWS);

  const move = (event: KeyboardEvent, index: number): void => {
    const page = Math.max(1, Math.floor(height / ROW_PX) - 2);
    const moves: Readonly<Record<string, number>> = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      Home: -shown.length,
      End: shown.length,
    };
    const step = moves[event.key];
    if (step === undefined || scroller.current === null) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(shown.length - 1, index + step));
    reveal(scroller.current, next);
    setActive(next);
    wantsFocus.current = true;
  };

  return (
    <table className={`table ${isDiff ? "is-diff" : ""}`} aria-label="Functions" aria-rowcount={shown.length + 1}>
      <thead>
        <tr className="table-head">
          {columns.map(({ key, title }) => (
            <th
              key={key}
              scope="col"
              aria-sort={sort === key ? (descending ? "descending" : "ascending") : "none"}
              className={key === "name" ? "" : "number"}
            >
              <button type="button" onClick={() => props.onSort(key, sort === key ? !descending : key !== "name")}>
                {title}
                <span className="sort-mark" aria-hidden="true">
                  {sort === key ? (descending ? "▼" : "▲") : ""}
                </span>
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody
        className="table-scroll"
        ref={scroller}
        onScroll={(event) => setScrollTopPx(event.currentTarget.scrollTop)}
        onPointerLeave={() => props.onHover("")}
      >
        <tr className="table-gap" style={{ height: first * ROW_PX }} />
        {shown.slice(first, last).map((row, i) => {
          const index = first + i;
          const marks = `${row.name === props.focus ? " is-focus" : ""}${row.name === props.hoveredFunction ? " is-hovered" : ""}`;
          return (
            <tr key={row.name} className={`table-row${marks}`} aria-rowindex={index + 2} onPointerEnter={() => props.onHover(row.name)}>
              <td className="table-name">
                <button
                  type="button"
                  className="function-name"
                  title={row.name}
                  aria-pressed={row.name === props.focus}
                  tabIndex={index === active ? 0 : -1}
                  ref={(button) => {
                    if (index !== active || !wantsFocus.current || button === null) return;
                    wantsFocus.current = false;
                    button.focus({ preventScroll: true });
                  }}
                  onKeyDown={(event) => move(event, index)}
                  onClick={() => {
                    setActive(index);
                    props.onFocus(row.name);
                  }}
                >
                  <FunctionName name={row.name} />
                </button>
              </td>
              {columns
                .slice(1)
                .map(({ key }) =>
                  key === "selfChange" || key === "totalChange" ? (
                    <ChangeCell key={key} change={row[key]} />
                  ) : (
                    <ValueCell key={key} value={row[key as "self" | "total"]} whole={whole} unit={unit} />
                  ),
                )}
            </tr>
          );
        })}
        <tr className="table-gap" style={{ height: (shown.length - last) * ROW_PX }} />
        {shown.length === 0 && (
          <tr>
            <td className="table-none">No function matches.</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

/**
 * An import path that has no room gives way: the end of a name is what tells functions apart. When both do not fit on the line
 * they wrap, and the style sheet shows the last line only.
 */
function FunctionName({ name }: { name: string }): ReactNode {
  const path = /^([^(<[]*\/)([^/]+)$/.exec(name);
  if (path === null) return <span className="name-end">{name}</span>;
  return (
    <>
      <span className="name-path">{path[1]}</span>
      <span className="name-end">{path[2]}</span>
    </>
  );
}

function ValueCell({ value, whole, unit }: { value: number; whole: number; unit: string }): ReactNode {
  const share = whole === 0 ? 0 : value / whole;
  return (
    <td
      className="number value"
      title={formatExact(value, unit)}
      style={{ "--share": `${(Math.min(1, share) * 100).toFixed(2)}%` } as React.CSSProperties}
    >
      <span>{value === 0 ? "" : formatValue(value, unit)}</span>
      <span className="dim">{value === 0 ? "–" : formatPercent(share)}</span>
    </td>
  );
}

function ChangeCell({ change }: { change: number }): ReactNode {
  return <td className={`number ${change > 0 ? "more" : change < 0 ? "less" : ""}`}>{formatPoints(change)}</td>;
}

function reveal(scroller: HTMLElement, index: number): void {
  const top = index * ROW_PX;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + ROW_PX > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + ROW_PX - scroller.clientHeight;
}
