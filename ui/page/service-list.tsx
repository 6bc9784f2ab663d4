import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { CloseIcon, SearchIcon } from "./icons.tsx";

export interface ServiceListProps {
  readonly services: ReadonlyMap<string, readonly string[]> | undefined;
  /** Amount of the shown profile type per service over the range; absent when a service has none of it. */
  readonly amounts: ReadonlyMap<string, number>;
  /** What the amounts are in: "cores". */
  readonly caption: string;
  readonly spellAmount: (amount: number) => string;
  readonly selected: string;
  readonly isOpen: boolean;
  readonly onSelect: (service: string) => void;
  readonly onClose: () => void;
}

/** All services, the most expensive first, with a bar that says how expensive. */
export function ServiceList(props: ServiceListProps): ReactNode {
  const { services, amounts, selected } = props;
  const [wanted, setWanted] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const { isOpen, onClose } = props;
  useEffect(() => {
    if (!isOpen) return undefined;
    input.current?.focus();
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape") onClose();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isOpen]);
  const names = useMemo(() => {
    const lower = wanted.trim().toLowerCase();
    const found = [...(services?.keys() ?? [])].filter((name) => name.toLowerCase().includes(lower));
    return found.sort((a, b) => (amounts.get(b) ?? -1) - (amounts.get(a) ?? -1) || (a < b ? -1 : 1));
  }, [services, amounts, wanted]);
  const largest = Math.max(0, ...amounts.values());
  return (
    <nav className={`services ${props.isOpen ? "is-open" : ""}`} aria-label="Services">
      <div className="services-head">
        <label className="field">
          <SearchIcon />
          <input
            ref={input}
            type="search"
            placeholder={`Find a service${services === undefined ? "" : ` (${services.size})`}`}
            aria-label="Find a service"
            value={wanted}
            onChange={(event) => setWanted(event.target.value)}
            onKeyDown={(event) => event.key === "Enter" && names[0] !== undefined && props.onSelect(names[0])}
          />
        </label>
        <button type="button" className="control services-close" aria-label="Close the service list" onClick={props.onClose}>
          <CloseIcon />
        </button>
      </div>
      <ul>
        {wanted === "" && (services?.size ?? 0) > 1 && (
          <li>
            <button
              type="button"
              className={`service ${selected === "" ? "is-selected" : ""}`}
              aria-current={selected === ""}
              onClick={() => props.onSelect("")}
            >
              <span className="service-name">All services</span>
              <span className="service-amount">{props.caption}</span>
            </button>
          </li>
        )}
        {names.map((name) => {
          const amount = amounts.get(name);
          return (
            <li key={name}>
              <button
                type="button"
                className={`service ${selected === name ? "is-selected" : ""} ${amount === undefined ? "is-without" : ""}`}
                aria-current={selected === name}
                title={`${name}: ${services?.get(name)?.length ?? 0} profile types`}
                style={{ "--share": `${largest === 0 || amount === undefined ? 0 : (amount / largest) * 100}%` } as React.CSSProperties}
                onClick={() => props.onSelect(name)}
              >
                <span className="service-name">{name}</span>
                <span className="service-amount">{amount === undefined ? "" : props.spellAmount(amount)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      {services !== undefined && services.size > 0 && names.length === 0 && <p className="services-none">No service is named like that.</p>}
    </nav>
  );
}
