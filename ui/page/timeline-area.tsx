import { type ReactNode, useMemo } from "react";
import { measureOf } from "../format/rate.ts";
import { formatMatchers, parseMatchers } from "../query/selector.ts";
import type { TimeRange } from "../state/time-range.ts";
import { Timeline } from "../timeline/timeline.tsx";
import type { BodyProps } from "./body.tsx";

/** The timeline, or why there is none; picking one of its lines narrows the question to it. */
export function TimelineArea({
  view,
  navigate,
  questions,
  range,
  theme,
  onRange,
}: BodyProps & { onRange: (range: TimeRange) => void }): ReactNode {
  const { timeline, type, groupBy } = questions;
  const measure = useMemo(() => (type === undefined ? undefined : measureOf(type)), [type?.id]);
  if (timeline.error !== undefined) return <p className="timeline-none">Timeline: {timeline.error.message}</p>;
  if (timeline.value === undefined || measure === undefined) return <div className="timeline timeline-waiting" />;
  const pick = (value: string): void => {
    const parsed = parseMatchers(view.filter);
    if (groupBy === "service_name" && view.service === "") navigate({ service: value, filter: "", groupBy: "" });
    else if (parsed.ok) navigate({ filter: formatMatchers([...parsed.matchers, { name: groupBy, op: "=", value }]), groupBy: "" });
  };
  return (
    <Timeline
      series={timeline.value.series}
      before={timeline.value.before}
      grid={timeline.value.grid}
      range={range}
      stepSeconds={timeline.value.stepSeconds}
      measure={measure}
      groupBy={groupBy}
      theme={theme}
      isStale={timeline.isLoading}
      onRange={onRange}
      onPick={pick}
    />
  );
}
