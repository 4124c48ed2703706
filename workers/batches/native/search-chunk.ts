// Finds out whether a provider has a chunk whose submission was not answered (state `submitting`).

import type { NativeChunk } from '#src/batches/native-chunk-store.ts';
import type { BatchProtocol, ProviderBatch } from '#src/protocols/batch-protocol.ts';
import { requestIdOf } from '../line-request.ts';
import { holdersOf } from './chunk-credentials.ts';
import { AT_ONCE, accessOf, become, bind, type ChunkTask, giveUpAtMs, type Wait } from './chunk-task.ts';
import { NATIVE_TRY, type NativeTarget } from './native-line.ts';
import { fetchResults, type ProviderAccess, type ProviderClient } from './provider-client.ts';
import { giveUpSubmitting, SUBMIT_TRIES } from './submit-chunk.ts';

const SEARCH_MS = 2_000;
/** A call of a process that died may still arrive. */
const IN_FLIGHT_MS = 15_000;
const FIRST_RETRY_MS = 1_000;

export async function searchChunk(task: ChunkTask): Promise<Wait> {
  const { target } = task;
  if (target === null) return become(task, 'abandoned');
  const isLate = Date.now() > giveUpAtMs(task);
  const found = await searchHolders(task, target).catch((error: unknown): Search => {
    if (!isLate) throw error;
    return { kind: 'unsure' };
  });
  if (found.kind === 'found') return become(task, 'running', found.batch.id);
  if (found.kind === 'lost') return become(task, 'abandoned');
  if (found.kind === 'unsure') return isLate ? become(task, 'abandoned') : SEARCH_MS;
  if (task.tries === 0 && Date.now() < task.chunk.createdAtMs + IN_FLIGHT_MS) return SEARCH_MS;
  // The provider does not have it: it can be sent again.
  task.maybeSubmitted = false;
  if (task.tries >= SUBMIT_TRIES) return giveUpSubmitting(task, target);
  return task.tries === 0 ? AT_ONCE : FIRST_RETRY_MS * 2 ** (task.tries - 1);
}

/** It is in the account of the credential that sent it. If that one is gone, another may find it. */
async function searchHolders(task: ChunkTask, target: NativeTarget): Promise<Search> {
  const access = accessOf(task, target);
  const { names, isGone } = holdersOf(access.provider, access.credential);
  for (const credential of isGone ? names : names.slice(0, 1)) {
    const found = await search(task, target, { ...access, credential });
    if (found.kind === 'found') await bind(task, credential);
    if (found.kind !== 'none') return found;
  }
  return { kind: isGone ? 'lost' : 'none' };
}

async function search({ host, chunk }: ChunkTask, target: NativeTarget, access: ProviderAccess): Promise<Search> {
  const { context, origin } = host;
  return findSubmission({
    client: context.native.providers,
    access,
    protocol: target.protocol,
    chunk,
    requestIds: new Set(chunk.lines.map(({ number }) => requestIdOf(origin, number, NATIVE_TRY))),
    known: await context.native.chunks.providerBatchIds(chunk.provider),
    maxLineBytes: context.configuration.workers.max_answer_bytes,
  });
}

type Search =
  | { kind: 'found'; batch: ProviderBatch }
  | { kind: 'none' }
  /** No configured credential can tell. */
  | { kind: 'lost' }
  /** It may be one of the batches that are running: their results will tell. */
  | { kind: 'unsure' };

interface SearchInput {
  client: ProviderClient;
  access: ProviderAccess;
  protocol: BatchProtocol;
  chunk: NativeChunk;
  /** Request ids of its lines. */
  requestIds: ReadonlySet<string>;
  /** Provider batches that are known to be other chunks. */
  known: ReadonlySet<string>;
  maxLineBytes: number;
}

/** How far the provider's clock may differ. */
const SKEW_MS = 300_000;
const MAX_PAGES = 50;

/**
 * Searches the provider's list of batches: by the chunk's id if the protocol has a field for it, else by size and time, and
 * then by the request ids in the results. Throws if the provider cannot be reached.
 */
async function findSubmission(input: SearchInput): Promise<Search> {
  const candidates = await listCandidates(input);
  const named = candidates.find(({ chunkId }) => chunkId === input.chunk.id);
  if (named !== undefined) return { kind: 'found', batch: named };
  if (input.protocol.showsChunkId) return { kind: 'none' };
  const nameless = candidates.filter(({ lines }) => lines === input.chunk.lines.length);
  for (const batch of nameless) {
    if (batch.hasEnded && (await isOurs(input, batch))) return { kind: 'found', batch };
  }
  return { kind: nameless.every(({ hasEnded }) => hasEnded) ? 'none' : 'unsure' };
}

async function listCandidates({ client, access, protocol, chunk, known }: SearchInput): Promise<ProviderBatch[]> {
  const oldestMs = chunk.createdAtMs - SKEW_MS;
  const isRecent = ({ createdAtMs }: ProviderBatch) => createdAtMs === null || createdAtMs >= oldestMs;
  const found: ProviderBatch[] = [];
  let page: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const answer = await client.ask(access, protocol.list(page));
    if (answer.kind === 'failed') throw new Error(answer.failure.message);
    const { batches, next } = protocol.readList(answer.value);
    found.push(...batches.filter((batch) => isRecent(batch) && !known.has(batch.id)));
    if (next === null || !batches.some(isRecent)) break;
    page = next;
  }
  return found;
}

/** Request ids are unique: one of them is proof. */
async function isOurs(
  { client, access, protocol, requestIds, maxLineBytes }: SearchInput,
  batch: ProviderBatch,
): Promise<boolean> {
  for await (const { id } of fetchResults(client, access, protocol, batch, maxLineBytes)) return requestIds.has(id);
  return false;
}
