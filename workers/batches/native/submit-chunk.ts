// Submits a chunk to its provider (state `submitting`). It is stored before the call, the provider's id after it: if the
// process dies in between, a new owner knows what to search for (search-chunk.ts).
import type { OpenLine } from '#src/batches/input-lines.ts';
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { PicoUsd } from '#src/contracts/money.ts';
import type { ProviderBatch } from '#src/protocols/batch-protocol.ts';
import type { RunnableLine } from '../line-runner.ts';
import type { Place } from './chunk-credentials.ts';
import { AT_ONCE, accessOf, become, bind, type ChunkTask, type Wait } from './chunk-task.ts';
import type { GatheredLine } from './line-packer.ts';
import { keyOf, NATIVE_TRY, type NativeTarget, nativeSpec, prepareNative } from './native-line.ts';
import type { ProviderAnswer } from './provider-client.ts';
import { estimateLineCost, type SettleInput } from './settle-lines.ts';

export const SUBMIT_TRIES = 4;
const FIRST_RETRY_MS = 1_000;
const LEASE_WAIT_MS = 200;

type Submission =
  | { kind: 'submitted'; batch: ProviderBatch }
  /** The provider refused it. `isFinal`: it was validated, and a retry would be refused too. */
  | { kind: 'refused'; failure: Failure; isFinal: boolean }
  /** Whether the provider has it is not known. */
  | { kind: 'unknown'; failure: Failure };

export function submitChunk(task: ChunkTask): Promise<Wait> {
  const { target, host } = task;
  if (target === null || task.recalledAtMs !== null) return become(task, 'returned');
  if (host.context.native.isHeld(target.deployment)) return become(task, 'returned');
  return host.context.native.submissions.take(async () => {
    if (task.isLetGo) return null;
    const [credential] = await host.context.native.credentials.inOrder(currentOf(task, target));
    if (credential === undefined) return become(task, 'returned');
    await bind(task, credential);
    const encoded = await encode(task, target);
    if (!task.isWritten && !(await store(task, encoded))) return become(task, 'returned');
    return follow(task, target, await send(task, target, encoded));
  });
}

function encode({ host, chunk }: ChunkTask, target: NativeTarget): Promise<EncodedChunk> {
  const { context, origin, reload } = host;
  return encodeChunk({ context, origin, target, chunk }, chunk.lines, reload);
}

/** False if nothing can be submitted: no line can be expressed there, or the key's budget is exhausted. */
async function store(task: ChunkTask, { kept, rejected, overflow, cost }: EncodedChunk): Promise<boolean> {
  const { context, lease, origin, onReturned, onOverflow } = task.host;
  onOverflow(detach(task, overflow));
  onReturned(
    detach(task, rejected).map(({ number }) => number),
    NATIVE_TRY,
  );
  if (kept.length === 0) return false;
  const untilMs = origin.batch.expiresAtMs + context.configuration.batches.native.cancel_ms;
  const createdAtMs = Date.now();
  const request = { requestId: task.chunk.id, cost, acceptedAtMs: createdAtMs, untilMs };
  const reservation = await context.budgets.reserve(origin.key, request);
  if (reservation.kind === 'exhausted') return false;
  const held = reservation.kind === 'reserved' ? reservation.reservation : null;
  task.chunk = { ...task.chunk, lines: kept, reservation: held, createdAtMs };
  await context.native.chunks.insert(lease, task.chunk);
  task.isWritten = true;
  return true;
}

/** Takes lines out of the chunk. */
function detach(task: ChunkTask, lines: readonly OpenLine[]): GatheredLine[] {
  return lines.map((line) => {
    const customId = task.attached.get(line.number)!;
    task.pending.delete(line.number);
    task.attached.delete(line.number);
    return { ...line, customId };
  });
}

async function send(task: ChunkTask, target: NativeTarget, encoded: EncodedChunk): Promise<Submission> {
  const { providers } = task.host.context.native;
  const { protocol, upstreamModel } = target;
  const access = accessOf(task, target);
  const upload = { id: task.chunk.id, upstreamModel, lines: encoded.lines };
  task.tries += 1;
  let fileId: string | null = null;
  if (protocol.upload !== null) {
    const answer = await providers.ask(access, protocol.upload(upload));
    fileId = answer.kind === 'answered' ? protocol.readUpload(answer.value) : null;
    // An uploaded file alone does nothing: it is safe to upload it again.
    if (fileId === null) return { kind: 'refused', failure: failureOf(answer), isFinal: isFinal(answer) };
  }
  await leased(task);
  task.maybeSubmitted = true;
  const answer = await providers.ask(access, protocol.create(upload, fileId), encoded.headers);
  const batch = answer.kind === 'answered' ? protocol.readBatch(answer.value) : null;
  if (batch !== null) return { kind: 'submitted', batch };
  const failure = failureOf(answer);
  const isRefused = isFinal(answer) || failure.upstreamStatus === 429;
  return isRefused ? { kind: 'refused', failure, isFinal: isFinal(answer) } : { kind: 'unknown', failure };
}

/** Waits for the lease: past its end another process may submit the same chunk. */
async function leased({ host }: ChunkTask): Promise<void> {
  while (Date.now() > host.leaseUntilMs()) await new Promise((resolve) => setTimeout(resolve, LEASE_WAIT_MS));
}

/** Timeouts, conflicts and rate limits pass. */
function isFinal(answer: ProviderAnswer): boolean {
  const status = answer.kind === 'failed' ? answer.failure.upstreamStatus : undefined;
  return status !== undefined && status >= 400 && status < 500 && ![408, 409, 429].includes(status);
}

function failureOf(answer: ProviderAnswer): Failure {
  if (answer.kind === 'failed') return answer.failure;
  return createFailure('upstream_malformed', 'The provider’s response to a batch could not be read.');
}

async function follow(task: ChunkTask, target: NativeTarget, submission: Submission): Promise<Wait> {
  if (submission.kind === 'submitted') return become(task, 'running', submission.batch.id);
  const { kind, failure } = submission;
  const { logger } = task.host.context;
  if (task.tries === 1) logger.warn({ failure, chunk: task.chunk.id, kind }, 'a provider did not accept a batch');
  const waitMs = failure.retryAfterMs ?? FIRST_RETRY_MS * 2 ** (task.tries - 1);
  if (kind === 'unknown') return AT_ONCE;
  task.maybeSubmitted = false;
  if (await hasAnother(task, target, failure)) {
    // Tries count for each of them.
    task.tries -= 1;
    return AT_ONCE;
  }
  if (!submission.isFinal && task.tries < SUBMIT_TRIES && Date.now() + waitMs < task.host.lastCallMs()) return waitMs;
  return giveUpSubmitting(task, target);
}

/** Another credential may be accepted where this one was refused: its account has a separate queue. */
async function hasAnother(task: ChunkTask, target: NativeTarget, failure: Failure): Promise<boolean> {
  const { credentials } = task.host.context.native;
  const place = currentOf(task, target);
  if (!credentials.refuse(place, task.chunk.credential, failure)) return false;
  task.refusedBy.add(task.chunk.credential);
  const [next] = await credentials.inOrder(place);
  // A refusal may have expired during a long upload: each credential is tried once before the chunk waits.
  if (next !== undefined && !credentials.wasRefused(place, next) && !task.refusedBy.has(next)) return true;
  task.refusedBy.clear();
  return false;
}

/** Its deployment may have other credentials than when the line was planned. */
function currentOf({ host, chunk }: ChunkTask, { deployment, upstreamModel }: NativeTarget): Place {
  return { deployment: host.context.catalogue.deployments.get(chunk.deployment) ?? deployment, upstreamModel };
}

/** Its lines, and those of the next minutes, run as ordinary requests. */
export function giveUpSubmitting(task: ChunkTask, target: NativeTarget): Promise<Wait> {
  task.host.onRefused(keyOf(target));
  return become(task, 'returned');
}

/** The lines of a chunk as its provider gets them. */
interface EncodedChunk {
  /** Bytes of the lines, in the order of `kept`. */
  lines: Buffer[];
  kept: OpenLine[];
  /** They cannot be expressed in the provider's protocol. */
  rejected: OpenLine[];
  /** They do not fit: they go into another chunk. */
  overflow: OpenLine[];
  /** Headers that some of them need. */
  headers: Record<string, string>;
  /** What they may cost. */
  cost: PicoUsd;
}

const LINES_AT_ONCE = 100;

export async function encodeChunk(
  input: SettleInput,
  places: readonly OpenLine[],
  reload: (line: OpenLine) => Promise<RunnableLine>,
): Promise<EncodedChunk> {
  const encoded: EncodedChunk = { lines: [], kept: [], rejected: [], overflow: [], headers: {}, cost: 0n };
  const room = openRoom(input);
  for (let from = 0; from < places.length && encoded.overflow.length === 0; from += LINES_AT_ONCE) {
    const group = places.slice(from, from + LINES_AT_ONCE);
    const lines = await Promise.all(group.map(reload));
    for (const [index, line] of lines.entries()) {
      const place = group[index]!;
      const ready = await encodeLine(input, line);
      if (ready === null || !room.isEverEnough(ready)) encoded.rejected.push(place);
      else if (!room.take(ready)) {
        encoded.overflow = places.slice(from + index);
        break;
      } else {
        encoded.lines.push(ready.bytes);
        encoded.kept.push(place);
        encoded.cost += ready.cost;
        mergeHeaders(encoded.headers, ready.headers);
      }
    }
  }
  return encoded;
}

interface EncodedLine {
  body: Buffer;
  bytes: Buffer;
  headers: Record<string, string>;
  cost: PicoUsd;
}

/** Chunks are grouped by the size of their input lines; requests are larger, much larger with files in them. */
const GROWTH = 2;

function openRoom({ context, target }: SettleInput) {
  const { limits, countUnits = () => 1 } = target.protocol;
  const maxBytes = Math.min(limits.bytes, context.configuration.batches.native.chunk_bytes * GROWTH);
  let [bytes, units] = [0, 0];
  const isEnough = (line: EncodedLine, takenBytes: number, takenUnits: number) =>
    takenBytes + line.bytes.length <= maxBytes && takenUnits + countUnits(line.body) <= limits.lines;
  return {
    isEverEnough: (line: EncodedLine) => isEnough(line, 0, 0),
    take(line: EncodedLine): boolean {
      if (!isEnough(line, bytes, units)) return false;
      bytes += line.bytes.length;
      units += countUnits(line.body);
      return true;
    },
  };
}

async function encodeLine(input: SettleInput, line: RunnableLine): Promise<EncodedLine | null> {
  const { context, origin, target, chunk } = input;
  const spec = nativeSpec(context, origin, line, chunk);
  if (isFailure(spec)) return null;
  const call = await prepareNative(context, origin, target, spec, line);
  if (isFailure(call)) return null;
  const { body } = call.request;
  const bytes = target.protocol.encodeLine(spec.requestId, body);
  return { body, bytes, headers: extraHeaders(input, call.request.headers), cost: estimateLineCost(input, spec) };
}

const USUAL = new Set(['content-type', 'accept', 'authorization']);

/** Headers that come neither from the protocol nor from the provider's settings: betas. */
function extraHeaders({ target }: SettleInput, headers: Record<string, string>): Record<string, string> {
  const { upstream } = target.route;
  const { dialect } = target.deployment.provider;
  const own = new Set([...USUAL, ...Object.keys(upstream.headers), ...Object.keys(upstream.credentialHeaders(''))]);
  if (dialect.credentialHeader !== null) own.add(dialect.credentialHeader);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
}

/** Lists of betas are joined. */
function mergeHeaders(all: Record<string, string>, more: Record<string, string>): void {
  for (const [name, value] of Object.entries(more)) {
    const values = new Set([...(all[name]?.split(',') ?? []), ...value.split(',')].map((part) => part.trim()));
    all[name] = [...values].join(',');
  }
}
