// One chunk in the process that owns its batch: what its steps share. Each step looks at one state of
// src/batches/native-chunk.ts and says how long to wait before the next look.
import type { ChunkState, NativeChunk } from '#src/batches/native-chunk.ts';
import type { BatchCall, BatchProtocol } from '#src/protocols/batch-protocol.ts';
import type { ChunkHost } from './chunk-host.ts';
import type { NativeTarget } from './native-line.ts';
import type { ProviderAccess, ProviderAnswer } from './provider-client.ts';

export interface ChunkTask {
  host: ChunkHost;
  /** Null when the configuration does not know its deployment any more. */
  target: NativeTarget | null;
  chunk: NativeChunk;
  /** It stands in SQL. */
  isWritten: boolean;
  /** The provider may have it: its submission was begun, by whomever. */
  maybeSubmitted: boolean;
  /** Submissions of this process. */
  tries: number;
  pollMs: number;
  /** When it was asked for that the provider cancels it. */
  recalledAtMs: number | null;
  /** The batch is being stopped. */
  isStopping: boolean;
  /** Another owner goes on. */
  isLetGo: boolean;
  /** Lines that nothing is known of: neither a result nor that they came back. */
  pending: Set<number>;
  /** Lines that something is known of, whose results are not stored yet. */
  unstored: Set<number>;
  /** Those whose results are this owner's to write down, with their custom_id. */
  attached: Map<number, string>;
  /** Lines before this one come to this owner even if the batch is being stopped. */
  resumedBefore: number;
}

/** Milliseconds until the next step; null when nothing is left to do here. */
export type Wait = number | null;

export const AT_ONCE: Wait = 0;

/** Written down first; rejects with LeaseLost when the batch has another owner. */
export async function become(task: ChunkTask, state: ChunkState, providerBatchId?: string): Promise<Wait> {
  const { context, lease } = task.host;
  const change = { state, ...(providerBatchId === undefined ? {} : { providerBatchId }) };
  if (task.isWritten) await context.native.chunks.change(lease, task.chunk.id, change);
  task.chunk = { ...task.chunk, ...change };
  const { id, batchId, provider, lines } = task.chunk;
  context.metrics.providerChunk(state);
  const facts = {
    chunk: id,
    batch: batchId,
    provider,
    lines: lines.length,
    provider_batch: task.chunk.providerBatchId,
  };
  context.logger.info({ ...facts, state }, 'provider’s batch');
  return AT_ONCE;
}

export function accessOf({ deployment, route }: NativeTarget): ProviderAccess {
  return { provider: deployment.provider, upstream: route.upstream };
}

/** Asks the provider about the batch that the chunk is there. */
export function askProvider(
  task: ChunkTask,
  target: NativeTarget,
  call: (protocol: BatchProtocol, batchId: string) => BatchCall,
): Promise<ProviderAnswer> {
  const { providers } = task.host.context.native;
  return providers.ask(accessOf(target), call(target.protocol, task.chunk.providerBatchId!));
}

/** Unix ms until which a provider that was told to cancel is waited for. */
export function giveUpAtMs({ host, recalledAtMs, isStopping }: ChunkTask): number {
  const { cancel_ms: cancelMs } = host.context.configuration.batches.native;
  const untilMs = (recalledAtMs ?? Number.POSITIVE_INFINITY) + cancelMs;
  return isStopping ? untilMs : Math.min(untilMs, host.lastCallMs());
}
