// Reads and books the results of a chunk (states `ended`, `returned` and `abandoned`). Every line is booked each time, even
// if an earlier owner stored it: the ledger takes each attempt once, and the budget is settled by the sum.
import type { Spent } from '#src/accounts/budgets.ts';
import type { OpenLine } from '#src/batches/input-lines.ts';
import { encodeMessage } from '#src/ledger/books.ts';
import type { ProviderBatch, ProviderLine } from '#src/protocols/batch-protocol.ts';
import { redact } from '#src/protocols/providers/words.ts';
import { requestIdOf } from '../line-request.ts';
import type { RunnableLine } from '../line-runner.ts';
import { accessOf, become, type ChunkTask, retrieveBatch, type Wait } from './chunk-task.ts';
import { keyOf, NATIVE_TRY, type NativeTarget } from './native-line.ts';
import { fetchResults } from './provider-client.ts';
import { estimateLine, type SettledLine, type SettleInput, settleLine } from './settle-lines.ts';

const NOTHING_SPENT: Spent = { cost: 0n, charge: 0n };

function plus(a: Spent, b: Spent): Spent {
  return { cost: a.cost + b.cost, charge: a.charge + b.charge };
}

const LINES_AT_ONCE = 100;
const ATTACH_MS = 200;
const RETRY_MS = 1_000;
const NOT_FOUND = 404;

export async function takeResults(task: ChunkTask): Promise<Wait> {
  const { target } = task;
  if (!isAttached(task)) return ATTACH_MS;
  if (target === null) return bookEstimates(task);
  const answer = await retrieveBatch(task, target);
  // It was deleted at the provider, or its credential is no longer configured.
  if (answer.kind === 'failed' && answer.failure.upstreamStatus === NOT_FOUND) return become(task, 'abandoned');
  const batch = answer.kind === 'answered' ? target.protocol.readBatch(answer.value) : null;
  if (batch === null) return RETRY_MS;
  if (batch.fault !== null) {
    const { logger } = task.host.context;
    logger.warn(
      { chunk: task.chunk.id, provider_batch: batch.id, fault: redact(batch.fault) },
      'a provider rejected a batch after accepting it',
    );
    task.host.onRefused(keyOf(target));
  }
  const spent = await readAll(task, target, batch);
  if (spent === null) return null;
  await settleBudget(task, spent);
  return giveBack(task, NATIVE_TRY + 1);
}

/** The feeder attaches lines as it reads them; in a stopped batch, lines that were never read are not attached. */
function isAttached({ pending, attached, isStopping, resumedBefore }: ChunkTask): boolean {
  for (const number of pending) {
    if (!attached.has(number) && (!isStopping || number < resumedBefore)) return false;
  }
  return true;
}

/** Of all lines; null if another owner resumes. */
async function readAll(task: ChunkTask, target: NativeTarget, batch: ProviderBatch): Promise<Spent | null> {
  const { context, origin } = task.host;
  const { max_answer_bytes: maxLineBytes } = context.configuration.workers;
  const places = new Map(task.chunk.lines.map((line) => [requestIdOf(origin, line.number, NATIVE_TRY), line]));
  const results = fetchResults(context.native.providers, accessOf(task, target), target.protocol, batch, maxLineBytes);
  let spent = NOTHING_SPENT;
  for await (const group of groups(results)) {
    await task.host.drained();
    if (task.isLetGo) return null;
    const known = group.flatMap((result) => {
      const place = places.get(result.id);
      // Of repeated results of a line, the first counts.
      places.delete(result.id);
      return place === undefined ? [] : [{ place, result }];
    });
    const settled = await Promise.all(
      known.map(async ({ place, result }) => settleLine(inputOf(task, target), await task.host.reload(place), result)),
    );
    spent = plus(spent, await write(task, settled));
  }
  return spent;
}

async function* groups(results: AsyncIterable<ProviderLine>): AsyncGenerator<ProviderLine[]> {
  let group: ProviderLine[] = [];
  for await (const result of results) {
    group.push(result);
    if (group.length < LINES_AT_ONCE) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function inputOf({ host, chunk }: ChunkTask, target: NativeTarget): SettleInput {
  return { context: host.context, origin: host.origin, target, chunk };
}

/** Order matters here: a line is booked before its result is stored, after which it is never looked at again. */
async function write(task: ChunkTask, settled: readonly SettledLine[]): Promise<Spent> {
  await append(task, settled);
  let spent = NOTHING_SPENT;
  for (const { line, result, cost, charge } of settled) {
    spent = plus(spent, { cost, charge });
    if (result === null || !task.attached.has(line.number)) continue;
    task.attached.delete(line.number);
    task.pending.delete(line.number);
    task.unstored.add(line.number);
    task.host.onResult(line, result);
  }
  return spent;
}

/** Retries until Redis takes all of them. */
async function append(task: ChunkTask, settled: readonly SettledLine[]): Promise<void> {
  const { ledger, onTrouble } = task.host.context;
  let left = settled.flatMap(({ message }) => (message === null ? [] : [encodeMessage(message)]));
  while (left.length > 0 && !task.isLetGo) {
    const results = await Promise.allSettled(left.map((message) => ledger.append(message)));
    left = left.filter((_, index) => results[index]!.status === 'rejected');
    if (left.length === 0) return;
    const refused = results.find((result) => result.status === 'rejected');
    if (refused !== undefined) onTrouble(refused.reason as Error);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function settleBudget({ chunk, host }: ChunkTask, { cost, charge }: Spent): Promise<void> {
  if (chunk.reservation !== null) await host.context.budgets.settle(chunk.reservation, chunk.id, cost, charge);
}

/** Returns lines without a result, to run as ordinary requests. */
function giveBack(task: ChunkTask, firstTry: number): Wait {
  const numbers = [...task.attached.keys()];
  for (const number of numbers) {
    task.attached.delete(number);
    task.pending.delete(number);
    task.unstored.add(number);
  }
  if (numbers.length > 0) task.host.onReturned(numbers, firstTry);
  return null;
}

/** What the provider does with the chunk is not known: its lines are booked by estimate and run as ordinary requests. */
export async function abandon(task: ChunkTask): Promise<Wait> {
  return isAttached(task) ? bookEstimates(task) : ATTACH_MS;
}

/** The provider never had the chunk: nothing is owed. */
export async function takeBack(task: ChunkTask): Promise<Wait> {
  if (!isAttached(task)) return ATTACH_MS;
  await settleBudget(task, NOTHING_SPENT);
  return giveBack(task, task.isWritten ? NATIVE_TRY + 1 : NATIVE_TRY);
}

async function bookEstimates(task: ChunkTask): Promise<Wait> {
  const { target, chunk, host } = task;
  let spent = NOTHING_SPENT;
  for (let from = 0; target !== null && from < chunk.lines.length; from += LINES_AT_ONCE) {
    const places: readonly OpenLine[] = chunk.lines.slice(from, from + LINES_AT_ONCE);
    const lines: RunnableLine[] = await Promise.all(places.map(host.reload));
    const settled = lines.map((line) => estimateLine(inputOf(task, target), line));
    await append(task, settled);
    spent = settled.reduce(plus, spent);
  }
  await settleBudget(task, spent);
  return giveBack(task, NATIVE_TRY + 1);
}
