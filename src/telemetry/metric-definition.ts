// The type of an entry in the table of metrics (metric-table.ts), and the bound of label values that clients choose.

/** The parts of Sluice that have metrics, and the processes that export them. */
export const METRIC_PARTS = {
  api: 'API',
  worker: 'worker',
  operations: 'API and worker',
  batches: 'worker, or batches process',
  webhooks: 'worker, or webhooks process',
  process: 'all',
  fleet: 'API; state of the whole installation, the same from every process',
} as const;
export type MetricPart = keyof typeof METRIC_PARTS;

export interface MetricDefinition {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  unit: string;
  part: MetricPart;
  /** When it is set, and by which file. */
  measured: string;
  buckets?: readonly number[];
}

/** Seconds, from a cached answer to the longest one. */
export const CALL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
export const WAIT_BUCKETS = [0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 300];
export const COMMIT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
export const WEBHOOK_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];
export const REDIS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** This many names chosen by clients get their own label value; the others share one. */
const MAX_CHOSEN_NAMES = 200;
export const OTHERS = 'other';

/** Returns names unchanged up to the cap; later names are mapped to one shared value. */
export function boundedNames(): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= MAX_CHOSEN_NAMES) return OTHERS;
    known.add(name);
    return name;
  };
}
