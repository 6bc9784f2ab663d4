import { type ReactNode, useState } from "react";
import { formatMoment, type TimeRange } from "../state/time-range.ts";

/** Nothing was ever pushed: how to push, ready to paste. */
export function NoProfilesYet({ origin }: { origin: string }): ReactNode {
  const snippets = snippetsFor(origin);
  const [chosen, setChosen] = useState(snippets[0]!.title);
  const snippet = snippets.find(({ title }) => title === chosen) ?? snippets[0]!;
  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <h1 id="welcome-title">No profiles yet</h1>
      <p>
        Brazier is ready at <code>{origin}</code>. Point an SDK, Alloy or an OpenTelemetry collector here, or push a file; profiles appear
        within a second of being accepted.
      </p>
      <div className="tabs" role="tablist" aria-label="Ways to push">
        {snippets.map(({ title }) => (
          <button type="button" key={title} role="tab" aria-selected={title === chosen} onClick={() => setChosen(title)}>
            {title}
          </button>
        ))}
      </div>
      <Snippet key={snippet.title} text={snippet.text} />
    </section>
  );
}

/** There are profiles, only not in this stretch of time. */
export function NoProfilesHere({
  extent,
  what,
  onRange,
  onAllServices,
}: {
  extent: TimeRange;
  what: string;
  onRange: (range: TimeRange) => void;
  /** Undefined when no other service has any either. */
  onAllServices: (() => void) | undefined;
}): ReactNode {
  const lastHour = { startMs: Math.max(extent.startMs - 1, extent.endMs - 3_600_000), endMs: extent.endMs + 1000 };
  return (
    <section className="welcome">
      <h1>No profiles {what}</h1>
      <p>
        The newest profile is from {formatMoment(extent.endMs)}, the oldest from {formatMoment(extent.startMs)}.
      </p>
      <div className="welcome-ways">
        <button type="button" className="control is-primary" onClick={() => onRange(lastHour)}>
          Show the newest
        </button>
        {onAllServices !== undefined && (
          <button type="button" className="control" onClick={onAllServices}>
            Show all services
          </button>
        )}
      </div>
    </section>
  );
}

function Snippet({ text }: { text: string }): ReactNode {
  const [isCopied, setCopied] = useState(false);
  return (
    <div className="snippet">
      <pre>{text}</pre>
      <button type="button" className="control" onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

function snippetsFor(origin: string): readonly { readonly title: string; readonly text: string }[] {
  return [
    {
      title: "curl",
      text: `# a CPU profile of a Go program, pushed under the name my-service
curl -s http://localhost:6060/debug/pprof/profile?seconds=10 -o cpu.pprof
now=$(date +%s)
curl -s -F profile=@cpu.pprof \\
  "${origin}/ingest?name=my-service&from=$((now - 10))&until=$now"`,
    },
    {
      title: "Go",
      text: `// go get github.com/grafana/pyroscope-go
pyroscope.Start(pyroscope.Config{
    ApplicationName: "my-service",
    ServerAddress:   "${origin}",
})`,
    },
    {
      title: "Node.js",
      text: `// npm install @pyroscope/nodejs
import Pyroscope from "@pyroscope/nodejs";
Pyroscope.init({ appName: "my-service", serverAddress: "${origin}" });
Pyroscope.start();`,
    },
    {
      title: "Python",
      text: `# pip install pyroscope-io
import pyroscope
pyroscope.configure(application_name="my-service", server_address="${origin}")`,
    },
    {
      title: "Java",
      text: `java -javaagent:pyroscope.jar \\
  -Dpyroscope.application.name=my-service \\
  -Dpyroscope.server.address=${origin} \\
  -jar app.jar`,
    },
    {
      title: "Alloy",
      text: `pyroscope.write "brazier" {
  endpoint { url = "${origin}" }
}`,
    },
    {
      title: "OpenTelemetry",
      text: `exporters:
  otlp:
    endpoint: ${origin.replace(/^https?:\/\//, "")}
    tls: { insecure: true }
service:
  pipelines:
    profiles: { receivers: [otlp], exporters: [otlp] }`,
    },
  ];
}
