// Lines of one batch that a provider has in a batch of its own.
import type { OpenLine } from './run-position.ts';

/**
 * - `submitting`: written down before the provider is asked. It may have the lines or not: whoever finds a chunk like this
 *   looks for it there. Left to running, or to returned when the provider does not take it.
 * - `running`: the provider has it, under a known id. Left to ended, or to recalled.
 * - `recalled`: the provider was told to cancel it: the deadline is near, or the batch is being stopped. Left to ended, or
 *   to abandoned when the provider does not say how it ended in time.
 * - `ended`: the provider has done with it. Its results are read, as often as it takes until all of them are stored.
 * - `returned`: the provider never had it. Its lines run as ordinary requests.
 * - `abandoned`: nobody waits for it any longer. Its lines run as ordinary requests; what the provider wants for them is
 *   not known yet: the ledger has an estimate until it is.
 */
export const CHUNK_STATES = ['submitting', 'running', 'recalled', 'ended', 'returned', 'abandoned'] as const;
export type ChunkState = (typeof CHUNK_STATES)[number];

export interface NativeChunk {
  id: string;
  batchId: string;
  keyId: string;
  provider: string;
  deployment: string;
  upstreamModel: string;
  /** Provider protocol. */
  protocol: string;
  state: ChunkState;
  lines: readonly OpenLine[];
  /** Part of the request ids of its lines. */
  replyShards: number;
  providerBatchId: string | null;
  hold: { account: string; units: number } | null;
  createdAtMs: number;
}

/** What changes after a chunk was written down. */
export type ChunkChange = Partial<Pick<NativeChunk, 'state' | 'providerBatchId'>>;
