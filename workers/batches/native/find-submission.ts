// Whether a provider has a chunk whose submission was not answered. Looked for in the provider's own list: by the chunk's id
// where the protocol has a place for it, else by size and time, and then by the request ids in its results.
import type { NativeChunk } from '#src/batches/native-chunk.ts';
import type { BatchProtocol, ProviderBatch } from '#src/protocols/batch-protocol.ts';
import { fetchResults } from './fetch-results.ts';
import type { ProviderAccess, ProviderClient } from './provider-client.ts';

export type Search =
  | { kind: 'found'; batch: ProviderBatch }
  | { kind: 'none' }
  /** It may be one of those that run: their results will tell. */
  | { kind: 'unsure' };

export interface SearchInput {
  client: ProviderClient;
  access: ProviderAccess;
  protocol: BatchProtocol;
  chunk: NativeChunk;
  /** Of its lines. */
  requestIds: ReadonlySet<string>;
  /** Batches of the provider that are other chunks. */
  known: ReadonlySet<string>;
  maxLineBytes: number;
}

/** Clocks differ. */
const SKEW_MS = 300_000;
const MAX_PAGES = 50;

/** Throws when the provider cannot be asked. */
export async function findSubmission(input: SearchInput): Promise<Search> {
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

/** Request ids are the broker's own and occur once in the world: one of them is proof. */
async function isOurs(
  { client, access, protocol, requestIds, maxLineBytes }: SearchInput,
  batch: ProviderBatch,
): Promise<boolean> {
  for await (const { id } of fetchResults(client, access, protocol, batch, maxLineBytes)) return requestIds.has(id);
  return false;
}
