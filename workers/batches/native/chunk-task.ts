// The state that the steps of one chunk share, in the process that owns its batch. Each step handles one state of
// src/batches/native-chunk-store.ts and returns the wait before the next step.

import type { OpenLine } from '#src/batches/input-lines.ts';
import type { LineResult } from '#src/batches/line-result.ts';
import type { ChunkState, NativeChunk } from '#src/batches/native-chunk-store.ts';
import type { Lease } from '#src/batches/run-store.ts';
import type { Provider } from '#src/config/catalogue.ts';
import type { BatchCall, BatchProtocol } from '#src/protocols/batch-protocol.ts';
import { findCredential } from '../../inference/credential-choice.ts';
import type { BatchContext } from '../batch-context.ts';
import type { LineOrigin } from '../line-request.ts';
import type { RunnableLine } from '../line-runner.ts';
import { askHolder, credentialOf } from './chunk-credentials.ts';
import type { GatheredLine } from './line-packer.ts';
import type { NativeTarget } from './native-line.ts';
import type { ProviderAccess, ProviderAnswer } from './provider-client.ts';

export interface ChunkTask {
  host: ChunkHost;
  /** Null if its deployment is no longer in the configuration. */
  target: NativeTarget | null;
  chunk: NativeChunk;
  /** It is in SQL. */
  isWritten: boolean;
  /** Its submission was started, by this or an earlier owner: the provider may have it. */
  maybeSubmitted: boolean;
  /** Submissions of this process. */
  tries: number;
  /** Credentials that have refused it since it last waited. */
  refusedBy: Set<string | null>;
  pollMs: number;
  /** When its provider was, or is to be, asked to cancel it. */
  recalledAtMs: number | null;
  /** The batch is being stopped. */
  isStopping: boolean;
  /** Another owner resumes it. */
  isLetGo: boolean;
  /** Lines that have neither a result nor been returned. */
  pending: Set<number>;
  /** Lines with a result, or returned, until that is stored. */
  unstored: Set<number>;
  /** Line → custom_id, of the lines whose results this owner writes. */
  attached: Map<number, string>;
  /** Lines before this one are attached even if the batch is being stopped. */
  resumedBefore: number;
}

/** Milliseconds until the next step; null if there is none. */
export type Wait = number | null;

export const AT_ONCE: Wait = 0;

/** Changes the state, in SQL first; rejects with LeaseLost if the batch has another owner. */
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
  context.logger.info({ ...facts, state }, 'provider batch changed state');
  return AT_ONCE;
}

/** Calls with the credential of the account that has the chunk, or is to have it. */
export function accessOf(task: ChunkTask, target: NativeTarget): ProviderAccess {
  const provider = providerOf(task, target);
  return { provider, upstream: target.route.upstream, credential: credentialOf(task.chunk, provider) };
}

/** The current configuration. A removed credential is still used for its chunks as long as this process knows it. */
function providerOf({ host, chunk }: ChunkTask, { deployment }: NativeTarget): Provider {
  const current = host.context.catalogue.providers.get(chunk.provider) ?? deployment.provider;
  const former = findCredential(deployment.provider, chunk.credential ?? undefined);
  if (former === null || findCredential(current, former.name) !== null) return current;
  return { ...current, credentials: [...current.credentials, former] };
}

/** The state of the provider's batch. The credential that finds it is used from then on; rejects with LeaseLost. */
export async function retrieveBatch(task: ChunkTask, target: NativeTarget): Promise<ProviderAnswer> {
  const { context } = task.host;
  const call = target.protocol.retrieve(task.chunk.providerBatchId!);
  const { answer, credential, isGone } = await askHolder(context.native.providers, accessOf(task, target), call);
  if (answer.kind === 'answered') await bind(task, credential);
  else if (isGone) context.logger.warn({ chunk: task.chunk.id, failure: answer.failure }, 'a provider batch was lost');
  return answer;
}

/** In SQL first: a new owner must find it where it is. */
export async function bind(task: ChunkTask, credential: string | null): Promise<void> {
  if (credential === task.chunk.credential) return;
  const { context, lease } = task.host;
  if (task.isWritten) await context.native.chunks.change(lease, task.chunk.id, { credential });
  task.chunk = { ...task.chunk, credential };
}

/** Calls the provider about the batch that it has for this chunk. */
export function askProvider(
  task: ChunkTask,
  target: NativeTarget,
  call: (protocol: BatchProtocol, batchId: string) => BatchCall,
): Promise<ProviderAnswer> {
  const { providers } = task.host.context.native;
  return providers.ask(accessOf(task, target), call(target.protocol, task.chunk.providerBatchId!));
}

/** Unix ms until which a provider has time to cancel. */
export function giveUpAtMs({ host, recalledAtMs, isStopping }: ChunkTask): number {
  const { cancel_ms: cancelMs } = host.context.configuration.batches.native;
  const untilMs = (recalledAtMs ?? Number.POSITIVE_INFINITY) + cancelMs;
  return isStopping ? untilMs : Math.min(untilMs, host.lastCallMs());
}

/** What a chunk needs of its batch. */
export interface ChunkHost {
  context: BatchContext;
  origin: LineOrigin;
  lease: Lease;
  /** Unix ms until which calls may be started. */
  leaseUntilMs(): number;
  /** Unix ms from which ordinary requests need all the remaining time. */
  lastCallMs(): number;
  reload(line: OpenLine): Promise<RunnableLine>;
  /** Resolves when memory has room for more results. */
  drained(): Promise<void>;
  onResult(line: OpenLine & { customId: string }, result: LineResult): void;
  /** These lines run as ordinary requests, from this try on. */
  onReturned(numbers: readonly number[], firstTry: number): void;
  /** These lines did not fit into their chunk. */
  onOverflow(lines: readonly GatheredLine[]): void;
  /** The provider refuses batches of this kind at the moment. */
  onRefused(key: string): void;
}
