import { type ReactNode, useMemo, useState } from "react";
import { formatPercent, formatValue } from "../format/units.ts";
import { CloseIcon } from "../page/icons.tsx";
import { PointMenu } from "../page/menu.tsx";
import type { Theme } from "./colour.ts";
import { FlameCanvas, type FlameCanvasProps } from "./flame-canvas.tsx";
import { type FlameGraph, findZoom, grandTotal, nameOf, pathOf, zoomWord } from "./flame-graph.ts";
import { sandwichOf } from "./sandwich.ts";
import { type NameTest, searchGraph } from "./search.ts";

export interface FlamePanelProps {
  readonly graph: FlameGraph;
  readonly zoom: string;
  readonly focus: string;
  readonly test: NameTest | undefined;
  readonly hoveredFunction: string;
  readonly unit: string;
  readonly theme: Theme;
  readonly onZoom: (zoom: string) => void;
  readonly onFocus: (functionName: string) => void;
  readonly onSearch: (text: string) => void;
  readonly onHover: (functionName: string) => void;
}

/** The flame graph of everything, or the callers and callees of one function. */
export function FlamePanel(props: FlamePanelProps): ReactNode {
  const { graph, focus } = props;
  const sandwich = useMemo(() => (focus === "" ? undefined : sandwichOf(graph, focus)), [graph, focus]);
  if (focus === "") return <WholeGraph {...props} />;
  return (
    <div className="flame">
      <div className="flame-bar">
        <button type="button" className="chip" title="Back to the whole graph" onClick={() => props.onFocus("")}>
          <span className="chip-text">{focus}</span>
          <CloseIcon />
        </button>
        {sandwich !== undefined && <FrameNote graph={sandwich.callees} whole={graph} node={0} unit={props.unit} />}
      </div>
      {sandwich === undefined ? (
        <p className="flame-none">This function is not in the flame graph of this window.</p>
      ) : (
        <div className="sandwich">
          <h2>Callers</h2>
          <PartGraph {...props} part={sandwich.callers} direction="up" label={`Callers of ${focus}`} />
          <h2>Callees</h2>
          <PartGraph {...props} part={sandwich.callees} direction="down" label={`Callees of ${focus}`} />
        </div>
      )}
    </div>
  );
}

function WholeGraph(props: FlamePanelProps): ReactNode {
  const { graph } = props;
  const zoomed = useMemo(() => findZoom(graph, props.zoom), [graph, props.zoom]);
  return (
    <div className="flame">
      {zoomed > 0 && (
        <div className="flame-bar">
          <button type="button" className="chip" title="Zoom out" onClick={() => props.onZoom("")}>
            <span className="chip-text">{nameOf(graph, zoomed)}</span>
            <CloseIcon />
          </button>
          <FrameNote graph={graph} whole={graph} node={zoomed} unit={props.unit} />
        </div>
      )}
      <MenuCanvas
        {...props}
        whole={graph}
        label="Flame graph"
        zoomed={zoomed}
        direction="down"
        onZoomNode={(node) => props.onZoom(zoomWord(graph, node))}
      />
    </div>
  );
}

/** What a tooltip says, where fingers have no pointer to rest. */
function FrameNote({ graph, whole, node, unit }: { graph: FlameGraph; whole: FlameGraph; node: number; unit: string }): ReactNode {
  // Of a diff: the shown window.
  const total = (graph.sides?.rightTotal ?? graph.total)[node] ?? 0;
  const self = (graph.sides?.rightSelf ?? graph.self)[node] ?? 0;
  const all = whole.sides?.rightTotal[0] ?? grandTotal(whole);
  return (
    <span className="flame-note">
      {formatValue(total, unit)} total ({formatPercent(all === 0 ? 0 : total / all)}), {formatValue(self, unit)} self
    </span>
  );
}

/** Zooming inside a part is a look around, not a place to link to: it is kept here. */
function PartGraph(props: FlamePanelProps & { part: FlameGraph; direction: "up" | "down"; label: string }): ReactNode {
  const [place, setPlace] = useState({ graph: props.part, node: 0 });
  const zoomed = place.graph === props.part ? place.node : 0;
  return (
    <MenuCanvas
      {...props}
      graph={props.part}
      whole={props.graph}
      zoomed={zoomed}
      onZoomNode={(node) => setPlace({ graph: props.part, node })}
    />
  );
}

type MenuCanvasProps = FlamePanelProps &
  Pick<FlameCanvasProps, "whole" | "label" | "zoomed" | "direction"> & { readonly onZoomNode: (node: number) => void };

/** A canvas with the menu of its frames. */
function MenuCanvas(props: MenuCanvasProps): ReactNode {
  const { graph, test, onZoomNode } = props;
  const [menu, setMenu] = useState<{ at: { x: number; y: number }; node: number } | undefined>();
  const found = useMemo(() => (test === undefined ? undefined : searchGraph(graph, test)), [graph, test]);
  const copy = (text: string): void => void navigator.clipboard.writeText(text);
  return (
    <>
      <FlameCanvas
        label={props.label}
        graph={graph}
        whole={props.whole}
        zoomed={props.zoomed}
        direction={props.direction}
        matches={found?.matches}
        hoveredFunction={props.hoveredFunction}
        unit={props.unit}
        theme={props.theme}
        onZoom={onZoomNode}
        onFocus={props.onFocus}
        onHover={props.onHover}
        onMenu={(at, node) => setMenu({ at, node })}
      />
      {menu !== undefined && menu.node < graph.nameIndex.length && (
        <PointMenu
          at={menu.at}
          title={nameOf(graph, menu.node)}
          onClose={() => setMenu(undefined)}
          actions={[
            { title: "Zoom in here", run: () => onZoomNode(menu.node) },
            ...(props.zoomed === 0 ? [] : [{ title: "Zoom out", run: () => onZoomNode(0) }]),
            ...(graph.nameIndex[menu.node] === 0
              ? []
              : [
                  { title: "Callers and callees", run: () => props.onFocus(nameOf(graph, menu.node)) },
                  { title: "Search for this", run: () => props.onSearch(nameOf(graph, menu.node)) },
                ]),
            { title: "Copy name", run: () => copy(nameOf(graph, menu.node)) },
            { title: "Copy stack", run: () => copy(pathOf(graph, menu.node).join("\n")) },
          ]}
        />
      )}
    </>
  );
}
