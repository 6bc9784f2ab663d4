import { Component, type ReactNode } from "react";

/** Where a fault of the page itself ends: with a sentence and a way out instead of an empty window. */
export class Breakdown extends Component<{ readonly children: ReactNode }, { readonly fault: unknown }> {
  override state = { fault: undefined as unknown };

  static getDerivedStateFromError(fault: unknown): { fault: unknown } {
    return { fault };
  }

  override render(): ReactNode {
    if (this.state.fault === undefined) return this.props.children;
    return (
      <section className="refusal" role="alert">
        <h2>The page broke down</h2>
        <p>
          This is a fault in Brazier, not in your profiles. <code className="dim">{String(this.state.fault)}</code>
        </p>
        <a className="control is-primary" href={location.pathname}>
          Start over
        </a>
      </section>
    );
  }
}
