package main

import (
	"slices"

	"brazier.dev/agent/internal/serve"
)

// metrics lists every number of the agent with its meaning.
func (a *agent) metrics() []serve.Metric {
	var list []serve.Metric
	add := func(name, help string, value float64, labels ...string) {
		m := serve.Metric{Name: "brazier_agent_" + name, Help: help, Value: value}
		for i := 0; i+1 < len(labels); i += 2 {
			if m.Labels == nil {
				m.Labels = map[string]string{}
			}
			m.Labels[labels[i]] = labels[i+1]
		}
		list = append(list, m)
	}

	name, lost := "none", uint64(0)
	if collector := a.collector.Load(); collector != nil {
		name, lost = (*collector).Name(), (*collector).Lost()
	}
	add("info", "The version and how stacks are taken; always 1.", 1, "version", version, "collector", name)
	a.mu.Lock()
	refusals := slices.Clone(a.refusals)
	a.mu.Unlock()
	for _, refusal := range refusals {
		add("collector_refused", "A way to take stacks that the machine refuses, and why; always 1.", 1, "collector", refusal.Collector, "reason", refusal.Reason)
	}
	add("start_seconds", "Time from the start until stacks were taken.", a.startedIn.Seconds())

	add("rate_hertz", "Samples per second of each CPU.", float64(a.rate()))
	add("rate_wanted_hertz", "What rate_hertz is when the budget allows it.", float64(a.settings.Rate))
	if u := a.usage.Load(); u != nil {
		add("cpu_cores", "CPU that the agent uses, its part of the kernel's work included.", u.cpu)
		add("resident_bytes", "Memory of the agent's process; the kernel's tables of the profiler are about 40 MB more.", float64(u.memory))
		for _, reason := range []string{"cpu", "memory"} {
			value := 0.0
			if u.decision.Reason == reason {
				value = 1
			}
			add("rate_lowered", "1 while the rate is lower than wanted, by the budget that demands it.", value, "reason", reason)
		}
	}
	add("cpu_max_cores", "CPU that the agent may use; 0 is no limit.", a.settings.CPUMax)

	counts := a.node.Counts()
	add("samples_taken_total", "Samples that were taken.", float64(counts.Taken))
	add("samples_lost_total", "Samples that the kernel could not hand over.", float64(lost))
	add("samples_offered_total", "Samples that went into a profile.", float64(counts.Offered))
	add("samples_ignored_total", "Samples of processes that are not to be profiled.", float64(counts.Ignored))
	add("samples_thinned_total", "Samples of workloads that a lower rate is wanted of; those that are kept stand for them.", float64(counts.Thinned))
	add("samples_overflowed_total", "Samples whose stack was one too many for an interval; they are in their profile without it.", float64(counts.Overflowed))
	add("samples_held", "Samples whose process is not attributed yet.", float64(counts.Held))
	verdict := a.check.Verdict()
	add("user_frames_ratio", "Share of the last minute's samples of processes that have frames of the process.", verdict.Share)
	add("pprof_bytes_total", "Size of the profiles that were made, gzipped.", float64(a.pprofBytes.Load()))

	ledger := a.deliverer.Ledger()
	add("delivered_samples_total", "Samples that the server has.", float64(ledger.Delivered.Samples))
	add("delivered_profiles_total", "Profiles that the server has.", float64(ledger.Delivered.Profiles))
	for reason, dropped := range ledger.Dropped {
		add("dropped_samples_total", "Samples that were given up, by reason.", float64(dropped.Samples), "reason", reason)
	}
	for reason, dropped := range ledger.Dropped {
		add("dropped_profiles_total", "Profiles that were given up, by reason.", float64(dropped.Profiles), "reason", reason)
	}
	add("restored_samples_total", "Samples found in the spool at the start.", float64(ledger.Restored.Samples))
	add("waiting_samples", "Samples that wait to be delivered.", float64(ledger.Waiting.Samples))
	add("waiting_profiles", "Profiles that wait to be delivered.", float64(ledger.Waiting.Profiles))
	add("queue_bytes", "Profiles that wait in memory.", float64(ledger.MemoryBytes))
	add("spool_bytes", "Profiles that wait in files.", float64(ledger.SpoolBytes))
	for outcome, count := range a.deliverer.Outcomes() {
		add("requests_total", "Requests to the server by what came of them.", float64(count), "outcome", outcome)
	}

	if scraper := a.scraper.Load(); scraper != nil {
		add("scrape_targets", "Addresses of pods that are scraped.", float64(scraper.Targets()))
		for outcome, count := range scraper.Counts() {
			add("scrapes_total", "Scrapes of pods by what came of them; base is the first of a profile that grows.", float64(count), "kind", outcome.Kind, "outcome", outcome.Outcome)
		}
	}
	if a.pods != nil {
		synced := 0.0
		if a.pods.Synced() {
			synced = 1
		}
		add("pods_known", "1 when the API server has told of the node's pods.", synced)
	}

	symbols := a.symbols.Stats()
	add("symbol_files", "Executable files that are known.", float64(symbols.Files))
	add("symbol_files_open", "Executable files that are open.", float64(symbols.OpenFiles))
	add("symbol_table_bytes", "Memory of symbol tables.", float64(symbols.TableBytes))
	add("symbol_line_bytes", "Memory of DWARF.", float64(symbols.LineBytes))
	add("symbol_evictions_total", "Files whose tables had to make room.", float64(symbols.Evicted))
	add("symbol_frames_total", "Native frames that were named or stayed addresses.", float64(symbols.Named), "outcome", "named")
	add("symbol_frames_total", "Native frames that were named or stayed addresses.", float64(symbols.Unnamed), "outcome", "address")
	if a.uploader != nil {
		uploads := a.uploader.Counts()
		add("debuginfo_files_total", "Files that the server was asked about, that it has been sent, and that failed.", float64(uploads.Asked), "outcome", "asked")
		add("debuginfo_files_total", "", float64(uploads.Uploaded), "outcome", "uploaded")
		add("debuginfo_files_total", "", float64(uploads.Failed), "outcome", "failed")
	}
	return list
}
