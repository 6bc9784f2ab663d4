import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { CloseIcon } from "../page/icons.tsx";
import { completeDraft, type Draft, readDraft, suggest } from "./draft.ts";
import { formatMatcher, formatMatchers, type Matcher, type MatchOp, parseMatchers } from "./selector.ts";

export interface FilterInputProps {
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly loadNames: (signal: AbortSignal) => Promise<string[]>;
  readonly loadValues: (name: string, signal: AbortSignal) => Promise<string[]>;
}

/** Label conditions as chips, with a line to add another: name, operator, value, each with suggestions. Or all as text. */
export function FilterInput(props: FilterInputProps): ReactNode {
  const parsed = parseMatchers(props.filter);
  const [isRaw, setRaw] = useState(!parsed.ok);
  if (isRaw || !parsed.ok)
    return <RawFilter filter={props.filter} onFilter={props.onFilter} onChips={parsed.ok ? () => setRaw(false) : undefined} />;
  return <ChipFilter {...props} matchers={parsed.matchers} onRaw={() => setRaw(true)} />;
}

function RawFilter({
  filter,
  onFilter,
  onChips,
}: {
  filter: string;
  onFilter: (filter: string) => void;
  onChips: (() => void) | undefined;
}): ReactNode {
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  const parsed = parseMatchers(text);
  const faultId = useId();
  const submit = (): void => {
    if (parsed.ok) onFilter(formatMatchers(parsed.matchers));
  };
  return (
    <div className="filter">
      <div className={`filter-box is-raw ${parsed.ok ? "" : "is-wrong"}`}>
        <input
          aria-label="Label selector"
          aria-invalid={!parsed.ok}
          aria-describedby={faultId}
          spellCheck={false}
          autoComplete="off"
          placeholder={'namespace="prod", pod=~"api-.*"'}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && submit()}
          onBlur={submit}
        />
      </div>
      <button type="button" className="control" disabled={onChips === undefined} title="Edit as conditions" onClick={onChips}>
        ＋
      </button>
      <span className="filter-fault" id={faultId} role="status">
        {parsed.ok ? "" : parsed.fault}
      </span>
    </div>
  );
}

function ChipFilter(props: FilterInputProps & { matchers: readonly Matcher[]; onRaw: () => void }): ReactNode {
  const { matchers, onFilter } = props;
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const draft = readDraft(text);
  const options = useOptions(draft, isOpen, props);
  const shown = suggest(draft, options ?? []);

  const add = (matcher: Matcher): void => {
    onFilter(formatMatchers([...matchers.filter((known) => formatMatcher(known) !== formatMatcher(matcher)), matcher]));
    setText("");
    setActive(-1);
  };
  const take = (option: string): void => {
    const next = completeDraft(draft, option);
    if (typeof next === "string") setText(next);
    else add(next);
    setActive(-1);
    input.current?.focus();
  };
  const remove = (index: number): void => onFilter(formatMatchers(matchers.filter((_, i) => i !== index)));
  const flip = (index: number): void =>
    onFilter(formatMatchers(matchers.map((matcher, i) => (i === index ? { ...matcher, op: NEGATED[matcher.op] } : matcher))));

  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setActive(Math.min(shown.length - 1, active + 1));
    else if (event.key === "ArrowUp") setActive(Math.max(-1, active - 1));
    else if (event.key === "Escape") setOpen(false);
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0 && shown[active] !== undefined) take(shown[active]);
    else if (event.key === "Enter" && draft.kind === "value" && draft.value !== "")
      add({ name: draft.name, op: draft.op, value: draft.value });
    else if (event.key === "Enter" && shown[0] !== undefined && text !== "") take(shown[0]);
    else if (event.key === "Backspace" && text === "" && matchers.length > 0) remove(matchers.length - 1);
    else return;
    event.preventDefault();
  };

  return (
    <div className="filter">
      <div className="filter-box">
        {matchers.map((matcher, i) => (
          <span className="chip" key={formatMatcher(matcher)}>
            <button type="button" className="chip-text" title="Click to turn into its opposite" onClick={() => flip(i)}>
              {matcher.name}
              <b>{matcher.op}</b>
              {matcher.value === "" ? '""' : matcher.value}
            </button>
            <button type="button" className="chip-close" aria-label={`Remove ${formatMatcher(matcher)}`} onClick={() => remove(i)}>
              <CloseIcon />
            </button>
          </span>
        ))}
        <div className="filter-line">
          <input
            ref={input}
            role="combobox"
            aria-label="Add a label condition"
            aria-expanded={isOpen && shown.length > 0}
            aria-controls={listId}
            aria-activedescendant={active >= 0 ? `${listId}-${active}` : undefined}
            autoComplete="off"
            spellCheck={false}
            placeholder={matchers.length === 0 ? "Filter by label: namespace=prod" : "and…"}
            value={text}
            onFocus={() => setOpen(true)}
            onBlur={() => setOpen(false)}
            onChange={(event) => {
              setText(event.target.value);
              setActive(-1);
              setOpen(true);
            }}
            onKeyDown={onKey}
          />
          {isOpen && (shown.length > 0 || options === undefined) && (
            <div
              className="panel suggestions"
              id={listId}
              role="listbox"
              aria-label={draft.kind === "name" ? "Label names" : draft.kind === "op" ? "Operators" : `Values of ${draft.name}`}
            >
              {options === undefined && <div className="suggestion dim">loading…</div>}
              {shown.map((option, i) => (
                <div
                  key={option}
                  tabIndex={-1}
                  id={`${listId}-${i}`}
                  role="option"
                  aria-selected={i === active}
                  className={`suggestion ${i === active ? "is-active" : ""}`}
                  ref={i === active ? (element) => element?.scrollIntoView({ block: "nearest" }) : null}
                  onPointerDown={(event) => {
                    event.preventDefault();
                    take(option);
                  }}
                >
                  {draft.kind === "op" ? (
                    <>
                      <b>{option}</b> <span className="dim">{OP_WORDS[option as MatchOp]}</span>
                    </>
                  ) : (
                    option
                  )}
                </div>
              ))}
            </div>
          )}
        </div>
      </div>
      <button type="button" className="control" title="Edit as text" onClick={props.onRaw}>
        {"{ }"}
      </button>
    </div>
  );
}

const NEGATED: Readonly<Record<MatchOp, MatchOp>> = { "=": "!=", "!=": "=", "=~": "!~", "!~": "=~" };
const OP_WORDS: Readonly<Record<MatchOp, string>> = { "=": "is", "!=": "is not", "=~": "matches", "!~": "does not match" };

/** Names or values for the part being typed; undefined while on their way. A failed lookup suggests nothing. */
function useOptions(draft: Draft, isOpen: boolean, { loadNames, loadValues }: FilterInputProps): readonly string[] | undefined {
  const wanted = !isOpen ? "" : draft.kind === "value" ? `value ${draft.name}` : "name";
  const [loaded, setLoaded] = useState<{ wanted: string; options: readonly string[] }>({ wanted: "", options: [] });
  useEffect(() => {
    if (wanted === "") return undefined;
    const abort = new AbortController();
    const loading = draft.kind === "value" ? loadValues(draft.name, abort.signal) : loadNames(abort.signal);
    loading.then(
      (options) => !abort.signal.aborted && setLoaded({ wanted, options }),
      () => !abort.signal.aborted && setLoaded({ wanted, options: [] }),
    );
    return () => abort.abort();
  }, [wanted]);
  return loaded.wanted === wanted || wanted === "" ? loaded.options : undefined;
}
