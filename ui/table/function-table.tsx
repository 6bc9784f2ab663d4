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
  const scroller = useRef<HTMLDivElement>(null);
  const { height } = useSize(scroller);
  const [scrollTopPx, setScrollTopPx] = useState(0);
  const [active, setActive] = useState(0);
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

  const onKey = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height / ROW_PX) - 2);
    const moves: Readonly<Record<string, number>> = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      Home: -shown.length,
      End: shown.length,
    };
    const move = moves[event.key];
    if (move !== undefined) {
      const next = Math.max(0, Math.min(shown.length - 1, active + move));
      setActive(next);
      reveal(scroller.current!, next);
    } else if (event.key === "Enter" && shown[active] !== undefined) props.onFocus(shown[active].name);
    else return;
    event.preventDefault();
  };

  return (
    <div className={`table ${isDiff ? "is-diff" : ""}`} role="table" aria-label="Functions" aria-rowcount={shown.length + 1}>
      <div className="table-head" role="row">
        {columns.map(({ key, title }) => (
          <div
            key={key}
            role="columnheader"
            aria-sort={sort === key ? (descending ? "descending" : "ascending") : "none"}
            className={key === "name" ? "" : "number"}
          >
            <button type="button" onClick={() => props.onSort(key, sort === key ? !descending : key !== "name")}>
              {title}
              <span className="sort-mark" aria-hidden="true">
                {sort === key ? (descending ? "▼" : "▲") : ""}
              </span>
            </button>
          </div>
        ))}
      </div>
      <div
        className="table-scroll"
        ref={scroller}
        tabIndex={0}
        role="rowgroup"
        aria-label={`${shown.length} functions`}
        onScroll={(event) => setScrollTopPx(event.currentTarget.scrollTop)}
        onKeyDown={onKey}
        onPointerLeave={() => props.onHover("")}
      >
        <div style={{ height: shown.length * ROW_PX }}>
          <div style={{ transform: `translateY(${first * ROW_PX}px)` }}>
            {shown.slice(first, last).map((row, i) => {
              const index = first + i;
              const state = `${row.name === props.focus ? " is-focus" : ""}${index === active ? " is-active" : ""}${row.name === props.hoveredFunction ? " is-hovered" : ""}`;
              return (
                <div
                  key={row.name}
                  className={`table-row${state}`}
                  role="row"
                  aria-rowindex={index + 2}
                  onClick={() => props.onFocus(row.name)}
                  onPointerEnter={() => props.onHover(row.name)}
                >
                  <div role="cell" className="table-name" title={row.name}>
                    <FunctionName name={row.name} />
                  </div>
                  {columns.slice(1).map(({ key }) =>
                    key === "selfChange" || key === "totalChange" ? (
                      <div key={key} role="cell" className={`number ${row[key] > 0 ? "more" : row[key] < 0 ? "less" : ""}`}>
                        {formatPoints(row[key])}
                      </div>
                    ) : (
                      <ValueCell key={key} value={row[key as "self" | "total"]} whole={whole} unit={unit} />
                    ),
                  )}
                </div>
              );
            })}
          </div>
        </div>
        {shown.length === 0 && <p className="table-none">No function matches.</p>}
      </div>
    </div>
  );
}

/** A long import path gives way first: the end of a name is what tells functions apart. */
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
    <div
      role="cell"
      className="number value"
      title={formatExact(value, unit)}
      style={{ "--share": `${(Math.min(1, share) * 100).toFixed(2)}%` } as React.CSSProperties}
    >
      <span>{formatValue(value, unit)}</span>
      <span className="dim">{formatPercent(share)}</span>
    </div>
  );
}

function reveal(scroller: HTMLElement, index: number): void {
  const top = index * ROW_PX;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + ROW_PX > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + ROW_PX - scroller.clientHeight;
}
