// Hands a chunk to its vendor. The chunk is written down before, its vendor's id after: whatever dies in between, a new
// owner knows what to look for.
import type { NativeChunk } from '#src/batches/native-chunk.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { VendorBatch } from '#src/protocols/batch-protocol.ts';
import type { ChunkHost } from './chunk-host.ts';
import type { EncodedChunk } from './encode-chunk.ts';
import type { NativeTarget } from './native-line.ts';
import type { VendorAnswer } from './vendor-client.ts';

export type Submission =
  | { kind: 'submitted'; batch: VendorBatch }
  /** It does not take it: now, or ever. */
  | { kind: 'refused'; failure: Failure }
  /** Not taken; later it may be. */
  | { kind: 'busy'; failure: Failure }
  /** Nobody knows whether it has it. */
  | { kind: 'unknown'; failure: Failure };

const LEASE_WAIT_MS = 200;

export async function submitChunk(
  host: ChunkHost,
  target: NativeTarget,
  chunk: NativeChunk,
  { lines, headers }: EncodedChunk,
): Promise<Submission> {
  const { vendors } = host.context.native;
  const { protocol, route, deployment, upstreamModel } = target;
  const access = { provider: deployment.provider, vendor: route.vendor };
  const upload = { id: chunk.id, upstreamModel, lines };
  let fileId: string | null = null;
  if (protocol.upload !== null) {
    const answer = await vendors.ask(access, protocol.upload(upload));
    fileId = answer.kind === 'answered' ? protocol.readUpload(answer.value) : null;
    // Nothing runs by a file alone: whether it is there or not, it can be sent again.
    if (fileId === null) return { kind: isRefusal(answer) ? 'refused' : 'busy', failure: failureOf(answer) };
  }
  await leased(host);
  const answer = await vendors.ask(access, protocol.create(upload, fileId), headers);
  const batch = answer.kind === 'answered' ? protocol.readBatch(answer.value) : null;
  if (batch !== null) return { kind: 'submitted', batch };
  const failure = failureOf(answer);
  if (isRefusal(answer)) return { kind: 'refused', failure };
  return { kind: failure.upstreamStatus === 429 ? 'busy' : 'unknown', failure };
}

/** By then another process may own the batch, and do the same. */
async function leased(host: ChunkHost): Promise<void> {
  while (Date.now() > host.leaseUntilMs()) await new Promise((resolve) => setTimeout(resolve, LEASE_WAIT_MS));
}

/** The vendor has looked at it and said no. A timeout, a conflict and a full limit are not that. */
function isRefusal(answer: VendorAnswer): boolean {
  const status = answer.kind === 'failed' ? answer.failure.upstreamStatus : undefined;
  return status !== undefined && status >= 400 && status < 500 && ![408, 409, 429].includes(status);
}

function failureOf(answer: VendorAnswer): Failure {
  if (answer.kind === 'failed') return answer.failure;
  return createFailure('upstream_malformed', 'The provider’s answer to a batch could not be read.');
}
