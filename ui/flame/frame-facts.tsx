import type { ReactNode } from "react";
import { formatExact, formatPercent, formatPoints, formatValue } from "../format/units.ts";
import { type FlameGraph, grandTotal, nameOf } from "./flame-graph.ts";

/** All that is known about one frame, for the tooltip. */
export function FrameFacts({ graph, whole, node, unit }: { graph: FlameGraph; whole: FlameGraph; node: number; unit: string }): ReactNode {
  return (
    <>
      <div className="facts-name">{nameOf(graph, node)}</div>
      {graph.sides === undefined ? (
        <table className="facts">
          <tbody>
            <FactRow title="Total" value={graph.total[node]!} whole={grandTotal(whole)} unit={unit} />
            <FactRow title="Self" value={graph.self[node]!} whole={grandTotal(whole)} unit={unit} />
          </tbody>
        </table>
      ) : (
        <ChangeFacts sides={graph.sides} whole={whole.sides ?? graph.sides} node={node} unit={unit} />
      )}
    </>
  );
}

function FactRow({ title, value, whole, unit }: { title: string; value: number; whole: number; unit: string }): ReactNode {
  return (
    <tr>
      <th scope="row">{title}</th>
      <td>{formatValue(value, unit)}</td>
      <td>{formatPercent(whole === 0 ? 0 : value / whole)}</td>
      <td className="dim">{formatExact(value, unit)}</td>
    </tr>
  );
}

function ChangeFacts({
  sides,
  whole,
  node,
  unit,
}: {
  sides: NonNullable<FlameGraph["sides"]>;
  whole: NonNullable<FlameGraph["sides"]>;
  node: number;
  unit: string;
}): ReactNode {
  const rows = [
    ["Total", sides.leftTotal, sides.rightTotal],
    ["Self", sides.leftSelf, sides.rightSelf],
  ] as const;
  const share = (value: number, all: number): number => (all === 0 ? 0 : value / all);
  return (
    <table className="facts">
      <thead>
        <tr>
          <th />
          <th scope="col">before</th>
          <th scope="col" />
          <th scope="col">now</th>
          <th scope="col" />
          <th scope="col">change</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([title, left, right]) => {
          const before = share(left[node]!, whole.leftTotal[0] ?? 0);
          const now = share(right[node]!, whole.rightTotal[0] ?? 0);
          return (
            <tr key={title}>
              <th scope="row">{title}</th>
              <td>{formatValue(left[node]!, unit)}</td>
              <td className="dim">{formatPercent(before)}</td>
              <td>{formatValue(right[node]!, unit)}</td>
              <td className="dim">{formatPercent(now)}</td>
              <td className={now > before ? "more" : now < before ? "less" : ""}>{formatPoints(now - before)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** One spoken sentence about a frame, for screen readers. */
export function frameSentence(graph: FlameGraph, node: number, unit: string): string {
  const whole = grandTotal(graph);
  const total = graph.total[node] ?? 0;
  return `${nameOf(graph, node)}, total ${formatValue(total, unit)}, ${formatPercent(whole === 0 ? 0 : total / whole)}, self ${formatValue(graph.self[node] ?? 0, unit)}`;
}
