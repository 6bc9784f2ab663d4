/** What the design asks of each figure: not acceptable beyond `floor`, wished at `goal`. Queries are in CPU ms of the server. */
export type Target = { readonly floor: number; readonly goal: number };

export const QUERY_CPU_MS: Readonly<Record<string, Target>> = {
  merge_cpu_one_service: { floor: 30, goal: 8 },
  merge_cpu_all_services: { floor: 200, goal: 40 },
  merge_heap_all_services: { floor: 600, goal: 100 },
  series_cpu_by_pod: { floor: 10, goal: 3 },
  series_cpu_by_service: { floor: 40, goal: 10 },
  label_names: { floor: 5, goal: 2 },
  label_values_service: { floor: 5, goal: 2 },
  series_all: { floor: 30, goal: 10 },
  pprof_cpu_one_service: { floor: 40, goal: 15 },
  diff_cpu_pods: { floor: 60, goal: 15 },
  heatmap_cpu_service: { floor: 15, goal: 5 },
};

export const CPU_PER_PARSE: Target = { floor: 2, goal: 1 };
export const THROUGHPUT_PER_S: Target = { floor: 400, goal: 800 };
export const ACK_P50_MS: Target = { floor: 150, goal: 10 };
export const PEAK_MB: Target = { floor: 700, goal: 400 };
export const REST_MB: Target = { floor: 150, goal: 90 };
export const STORED_2K_MB: Target = { floor: 11, goal: 6.5 };
export const STORED_20K_MB: Target = { floor: 110, goal: 65 };
/** Of the bytes that came: what all profiles carry beside their samples, uncompressed. */
export const SYMBOLS_STORED: Target = { floor: 0.01, goal: 0.003 };
export const FOUND_MS: Target = { floor: 1000, goal: 100 };
export const READY_MS: Target = { floor: 3000, goal: 1000 };
export const FIRST_QUERY_MS: Target = { floor: 1000, goal: 300 };
