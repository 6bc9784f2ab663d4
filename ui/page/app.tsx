import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { titleOf } from "../format/profile-type.ts";
import { measureOf } from "../format/rate.ts";
import { resolveRange } from "../state/time-range.ts";
import { useTheme } from "../state/use-theme.ts";
import { useView } from "../state/use-view.ts";
import { Body } from "./body.tsx";
import { Header } from "./header.tsx";
import { Refusal } from "./refusal.tsx";
import { ServiceList } from "./service-list.tsx";
import { useCaller } from "./use-caller.ts";
import { useQuestions } from "./use-questions.ts";

/** The page: the view comes from the address, questions follow from the view, and everything drawn from the answers. */
export function App(): ReactNode {
  const [view, navigate] = useView();
  const [theme, themeChoice, chooseTheme] = useTheme();
  const [caller, setCaller] = useCaller(view, navigate);
  const [attempt, setAttempt] = useState(0);
  const [isListOpen, setListOpen] = useState(false);
  const nowMs = useMemo(() => Date.now(), [view.from, view.until, attempt]);
  const range = useMemo(() => resolveRange(view.from, view.until, nowMs), [view.from, view.until, nowMs]);
  const questions = useQuestions(view, range, caller, attempt);
  const askAgain = useCallback(() => setAttempt((count) => count + 1), []);

  useEffect(() => {
    if (view.refreshSeconds === 0) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && askAgain(), view.refreshSeconds * 1000);
    return () => clearInterval(timer);
  }, [view.refreshSeconds, askAgain]);

  const { type, services } = questions;
  useEffect(() => {
    document.title = [view.service, type === undefined ? "" : titleOf(type), "Brazier"].filter((part) => part !== "").join(" · ");
  }, [view.service, type?.id]);

  useEffect(() => {
    // A fresh server has one service, itself: "all" of one is that one.
    const [only, another] = [...(services.value?.keys() ?? [])];
    if (view.service === "" && only !== undefined && another === undefined) navigate({ service: only }, "replace");
  }, [services.value, view.service]);

  const measure = useMemo(() => (type === undefined ? undefined : measureOf(type)), [type?.id]);
  const seconds = (range.endMs - range.startMs) / 1000;
  const isLoading = services.isLoading || questions.graph.isLoading || questions.timeline.isLoading;
  return (
    <div className="page">
      <Header
        view={view}
        range={range}
        nowMs={nowMs}
        navigate={navigate}
        onRefresh={askAgain}
        isLoading={isLoading}
        caller={caller}
        onCaller={setCaller}
        theme={theme}
        themeChoice={themeChoice}
        onTheme={chooseTheme}
        onList={() => setListOpen(true)}
      />
      <ServiceList
        services={services.value}
        amounts={questions.amounts.value ?? NO_AMOUNTS}
        caption={measure?.caption ?? ""}
        spellAmount={(amount) => measure?.format(measure.scale(amount, seconds)) ?? ""}
        selected={view.service}
        isOpen={isListOpen}
        onClose={() => setListOpen(false)}
        onSelect={(service) => {
          navigate({ service, filter: "", groupBy: "" });
          setListOpen(false);
        }}
      />
      <main className="main" aria-busy={isLoading}>
        {services.error !== undefined ? (
          <Refusal error={services.error} caller={caller} onCaller={setCaller} onRetry={askAgain} />
        ) : (
          <Body
            view={view}
            navigate={navigate}
            questions={questions}
            range={range}
            theme={theme}
            caller={caller}
            onCaller={setCaller}
            onRetry={askAgain}
          />
        )}
      </main>
    </div>
  );
}

const NO_AMOUNTS: ReadonlyMap<string, number> = new Map();
