import type { ReactNode } from "react";
import type { Caller } from "../api/connect.ts";
import type { Theme } from "../flame/colour.ts";
import { FilterInput } from "../query/filter-input.tsx";
import type { TimeRange } from "../state/time-range.ts";
import type { Navigate } from "../state/use-view.ts";
import type { View } from "../state/view.ts";
import { Graphs } from "./graphs.tsx";
import { GroupPicker } from "./group-picker.tsx";
import { NoProfilesHere, NoProfilesYet } from "./no-profiles.tsx";
import { TimelineArea } from "./timeline-area.tsx";
import { TypePicker } from "./type-picker.tsx";
import type { Questions } from "./use-questions.ts";

export interface BodyProps {
  readonly view: View;
  readonly navigate: Navigate;
  readonly questions: Questions;
  readonly range: TimeRange;
  readonly theme: Theme;
  readonly caller: Caller;
  readonly onCaller: (caller: Caller) => void;
  readonly onRetry: () => void;
}

/** The question on top, the answer below; or why there is none. */
export function Body(props: BodyProps): ReactNode {
  const { view, navigate, questions, range } = props;
  const { services, extent, type, querier } = questions;
  const goTo = (next: TimeRange): void => navigate({ from: String(Math.round(next.startMs)), until: String(Math.round(next.endMs)) });
  const isMissing =
    services.value !== undefined && (services.value.size === 0 || (view.service !== "" && !services.value.has(view.service)));
  if (isMissing) {
    if (extent.isLoading) return <p className="waiting">Looking for profiles…</p>;
    if (extent.value === undefined && services.value?.size === 0) return <NoProfilesYet origin={location.origin} />;
    const what = view.service === "" || services.value?.size === 0 ? "in this time range" : `of ${view.service} in this time range`;
    return (
      <NoProfilesHere
        extent={extent.value ?? range}
        what={what}
        onRange={goTo}
        onAllServices={services.value?.size === 0 ? undefined : () => navigate({ service: "", filter: "" })}
      />
    );
  }
  const setFilter = (filter: string): void => navigate({ filter });
  return (
    <>
      <div className="question">
        <TypePicker ids={questions.typeIds} selected={type?.id ?? ""} onSelect={(id) => navigate({ type: id })} />
        <FilterInput
          filter={view.filter}
          onFilter={setFilter}
          loadNames={(signal) => querier.labelNames(questions.selector, range, signal)}
          loadValues={(name, signal) => querier.labelValues(name, questions.selector, range, signal)}
        />
        <GroupPicker view={view} names={questions.labelNames.value ?? []} groupBy={questions.groupBy} navigate={navigate} />
      </div>
      <TimelineArea {...props} onRange={goTo} />
      <Graphs {...props} />
    </>
  );
}
