// Anthropic's Message Batches: inline requests become lines of an internal input file, lines of result files become
// Anthropic's results. Wire facts: docs/reference/anthropic-messages.md section 8.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { isActive } from '../contracts/batch.ts';
import { stringEnd } from '../protocols/bounds/json-bounds.ts';
import { parseCarried } from '../protocols/wire/exact-json.ts';
import { memberBytes } from '../protocols/wire/json-object.ts';
import type { Batch } from './batch.ts';

export const MESSAGE_BATCH_PREFIX = 'msgbatch_';
export const MESSAGES_PATH = '/v1/messages';
export const MESSAGE_BATCH_WINDOW = '24h';
/** Results can be fetched for this long after the batch was created. */
export const MESSAGE_BATCH_LIFE_DAYS = 29;
const DAY_MS = 24 * 3_600_000;

/** @param body bytes of the whole create call, already validated. */
export function* inputLines(body: Buffer): Generator<Buffer> {
  for (const item of arrayItems(memberBytes(body, 'requests')!)) {
    const [customId, params] = [memberBytes(item, 'custom_id')!, memberBytes(item, 'params')!];
    const head = Buffer.from('{"custom_id":');
    const middle = Buffer.from(`,"method":"POST","url":"${MESSAGES_PATH}","body":`);
    yield onOneLine(Buffer.concat([head, customId, middle, params, Buffer.from('}')]));
  }
}

const LINE_END = Buffer.from('\n');

/** A raw line break in JSON is white space between tokens. */
function onOneLine(json: Buffer): Buffer {
  const line = json.includes(0x0a) ? Buffer.from(json.map((byte) => (byte === 0x0a ? 0x20 : byte))) : json;
  return Buffer.concat([line, LINE_END]);
}

const time = (unixMs: number | null): string | null => (unixMs === null ? null : new Date(unixMs).toISOString());

/** As Anthropic shows it: all requests count as `processing` until the whole batch has ended. */
export function messageBatchObject(batch: Batch, baseUrl: string) {
  const { status, totals } = batch;
  const hasEnded = !isActive(status);
  const notRun = (isIt: boolean) => (hasEnded && isIt ? totals.notRun : 0);
  return {
    id: batch.id,
    type: 'message_batch',
    processing_status: hasEnded ? 'ended' : status === 'cancelling' ? 'canceling' : 'in_progress',
    request_counts: {
      processing: hasEnded ? 0 : batch.total,
      succeeded: hasEnded ? totals.completed : 0,
      errored: hasEnded ? totals.failed : 0,
      canceled: notRun(status === 'cancelled'),
      expired: notRun(status === 'expired'),
    },
    created_at: time(batch.createdAtMs),
    expires_at: time(batch.expiresAtMs),
    ended_at: time(batch.completedAtMs ?? batch.expiredAtMs ?? batch.cancelledAtMs ?? batch.failedAtMs),
    cancel_initiated_at: time(batch.cancellingAtMs),
    archived_at: time(hasEnded && isArchived(batch) ? batch.createdAtMs + MESSAGE_BATCH_LIFE_DAYS * DAY_MS : null),
    results_url: hasEnded ? `${baseUrl}/v1/messages/batches/${batch.id}/results` : null,
  };
}

function isArchived({ createdAtMs }: Batch): boolean {
  return Date.now() > createdAtMs + MESSAGE_BATCH_LIFE_DAYS * DAY_MS;
}

/** Lines of a result file as Anthropic's result lines. */
export async function* resultLines(file: Readable): AsyncGenerator<Buffer> {
  for await (const line of createInterface({ input: file, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield Buffer.from(`${JSON.stringify(resultOf(parseCarried(line) as ResultLine))}\n`);
  }
}

interface ResultLine {
  custom_id: string;
  response: { status_code: number; body: unknown } | null;
  error: { code: string } | null;
}

function resultOf({ custom_id, response, error }: ResultLine) {
  if (response === null) {
    return { custom_id, result: { type: error?.code === 'batch_expired' ? 'expired' : 'canceled' } };
  }
  const isMessage = response.status_code < 300;
  return {
    custom_id,
    result: isMessage ? { type: 'succeeded', message: response.body } : { type: 'errored', error: response.body },
  };
}

const QUOTE = 0x22;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const COMMA = 0x2c;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

const NOTHING = Buffer.alloc(0);

/**
 * Splits the bytes of a JSON array into its items, trimmed and otherwise unchanged. Items are not validated; a missing item
 * or a missing end of the array yields an empty buffer, which does not parse.
 */
export function* arrayItems(json: Buffer): Generator<Buffer> {
  let depth = 0;
  let start = -1;
  let isAfterComma = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (SPACES.has(byte)) continue;
    if (depth === 1 && (byte === COMMA || CLOSING.has(byte))) {
      if (start >= 0) yield trimEnd(json.subarray(start, at));
      else if (byte === COMMA || isAfterComma) yield NOTHING;
      start = -1;
      isAfterComma = byte === COMMA;
      if (byte !== COMMA) return;
      continue;
    }
    if (depth === 1 && start < 0) start = at;
    if (byte === QUOTE) at = Math.max(at, stringEnd(json, at) - 1);
    else if (OPENING.has(byte)) depth++;
    else if (CLOSING.has(byte)) depth--;
  }
  yield NOTHING;
}

function trimEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (SPACES.has(bytes[end - 1]!)) end--;
  return bytes.subarray(0, end);
}
