// What the batches process tells Prometheus.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface BatchMetrics {
  lineEnded(outcome: 'completed' | 'failed' | 'expired' | 'cancelled'): void;
  lineRetried(code: string): void;
  batchEnded(status: string): void;
  openLines(count: number): void;
  ownedBatches(count: number): void;
  /** A chunk of lines at a provider has come to this state. */
  providerChunk(state: string): void;
  providerLines(count: number): void;
  committed(lines: number, seconds: number): void;
}

export function createBatchMetrics(registry: Registry): BatchMetrics {
  const registers = [registry];
  const lines = new Counter({
    name: 'sluice_batch_lines_total',
    help: 'Lines of batches that have their result, by how they ended.',
    labelNames: ['outcome'],
    registers,
  });
  const retries = new Counter({
    name: 'sluice_batch_line_retries_total',
    help: 'Lines that were tried again, by the failure before.',
    labelNames: ['code'],
    registers,
  });
  const batches = new Counter({
    name: 'sluice_batches_total',
    help: 'Batches that have ended, by their last status.',
    labelNames: ['status'],
    registers,
  });
  const open = new Gauge({ name: 'sluice_batch_open_lines', help: 'Lines handed out by this process.', registers });
  const owned = new Gauge({ name: 'sluice_batches_owned', help: 'Batches that this process runs.', registers });
  const chunks = new Counter({
    name: 'sluice_batch_provider_chunks_total',
    help: 'Chunks of lines in providers’ own batches, by the states they came to.',
    labelNames: ['state'],
    registers,
  });
  const providerLines = new Gauge({
    name: 'sluice_batch_provider_lines',
    help: 'Lines of this process’s batches that providers have in batches of their own.',
    registers,
  });
  const commit = new Histogram({
    name: 'sluice_batch_commit_seconds',
    help: 'Appending results and committing them.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  return {
    lineEnded: (outcome) => lines.inc({ outcome }),
    lineRetried: (code) => retries.inc({ code }),
    batchEnded: (status) => batches.inc({ status }),
    openLines: (count) => open.set(count),
    ownedBatches: (count) => owned.set(count),
    providerChunk: (state) => chunks.inc({ state }),
    providerLines: (count) => providerLines.set(count),
    committed: (_lines, seconds) => commit.observe(seconds),
  };
}
