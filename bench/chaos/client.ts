// Runs one errand to its end, through broken connections and 503s, like a robust client: it retries with its idempotency key, or
// the request's id, at another instance, from where it left off.
import { endOfEvent, SPOKEN_PROTOCOLS, withoutComments } from '#test/support/spoken-protocols.ts';
import type { Errand } from './errand.ts';
import { type Exchange, exchange } from './exchange.ts';
import { beginSeen, heardOf, type Seen } from './seen.ts';

export interface World {
  /** URL of a running API process, preferably not `other`; null if none is running. */
  pickApi(other: string | null): string | null;
  key: string;
  model: string;
}

/** An errand that takes longer is a violation. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 150;
const POLL_MS = 200;
/** Nothing was sent, or every provider failed: retry. */
const NOT_NOW = 503;

export async function runErrand(world: World, errand: Errand): Promise<Seen> {
  const seen = beginSeen(errand);
  const run = new ErrandRun(world, seen);
  await run.fulfil();
  if (seen.ending === 'whole' && errand.key !== null && errand.manner !== 'async') await run.replay();
  return seen;
}

class ErrandRun {
  readonly #world: World;
  readonly #seen: Seen;
  readonly #errand: Errand;
  readonly #untilMs = Date.now() + PATIENCE_MS;
  #lastApi: string | null = null;
  #hasDropped = false;

  constructor(world: World, seen: Seen) {
    this.#world = world;
    this.#seen = seen;
    this.#errand = seen.errand;
  }

  async fulfil(): Promise<void> {
    while (Date.now() < this.#untilMs) {
      const got = await this.#ask();
      if (got !== null && got.status !== NOT_NOW && this.#take(got)) return;
      if (got === null || got.status === null || got.status === NOT_NOW) await pause(RETRY_MS);
    }
  }

  /** Repeats the request at another instance, which must return the same bytes. */
  async replay(): Promise<void> {
    const { raw, requestId, violations } = this.#seen;
    const untilMs = Date.now() + PATIENCE_MS / 2;
    while (Date.now() < untilMs) {
      const got = await this.#send({});
      if (got === null || got.ending !== 'whole' || got.status === NOT_NOW) {
        await pause(RETRY_MS);
        continue;
      }
      this.#seen.replayed = true;
      if (got.headers['x-request-id'] !== requestId) violations.push(`replayed as ${got.headers['x-request-id']}`);
      else if (withoutComments(got.text) !== raw) violations.push(`replayed with other bytes: ${got.status}`);
      return;
    }
    violations.push('no replay was received');
  }

  /** Null if no API process is running. */
  async #ask(): Promise<Exchange | null> {
    const { manner, key } = this.#errand;
    const { requestId } = this.#seen;
    if (manner === 'async' && requestId !== null) return this.#poll(requestId);
    if (manner !== 'stream' || requestId === null) return this.#send({});
    const lastId = heardOf(this.#seen).ids.at(-1);
    this.#seen.resumed += 1;
    const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
    return key === null ? this.#get(`/v1/requests/${requestId}/stream`, headers) : this.#send(headers);
  }

  #send(more: Record<string, string>): Promise<Exchange | null> {
    const { protocol, prompt, manner, key } = this.#errand;
    const spoken = SPOKEN_PROTOCOLS[protocol];
    const isStream = manner === 'stream';
    const headers = {
      ...more,
      ...(key === null ? {} : { 'idempotency-key': key }),
      ...(manner === 'async' ? { prefer: 'respond-async' } : {}),
    };
    const { model } = this.#world;
    return this.#exchange(
      spoken.path(model, isStream),
      'POST',
      headers,
      JSON.stringify(spoken.body({ model, prompt, isStream })),
    );
  }

  #get(path: string, headers: Record<string, string> = {}): Promise<Exchange | null> {
    return this.#exchange(path, 'GET', headers);
  }

  async #poll(requestId: string): Promise<Exchange | null> {
    await pause(POLL_MS);
    return this.#get(`/v1/requests/${requestId}`);
  }

  async #exchange(
    path: string,
    method: 'GET' | 'POST',
    headers: Record<string, string>,
    body?: string,
  ): Promise<Exchange | null> {
    const api = this.#world.pickApi(this.#lastApi);
    if (api === null) return null;
    this.#lastApi = api;
    const { leavesAfterMs, dropsAfterMs } = this.#errand;
    const leaveAfterMs = leavesAfterMs ?? (this.#hasDropped ? null : dropsAfterMs);
    const got = await exchange({
      url: api + path,
      method,
      headers: { authorization: `Bearer ${this.#world.key}`, ...headers },
      ...(body === undefined ? {} : { body }),
      leaveAfterMs,
      patienceMs: Math.max(1_000, this.#untilMs - Date.now()),
    });
    if (got.ending === 'broken') this.#seen.breaks.push({ api, atMs: got.endedAtMs });
    return got;
  }

  /** Returns true if the errand is over. */
  #take(got: Exchange): boolean {
    const { manner } = this.#errand;
    const seen = this.#seen;
    this.#noteRequest(got);
    if (got.ending === 'slow') return true;
    if (got.ending === 'left' && this.#errand.leavesAfterMs !== null) return this.#end('left');
    if (got.ending === 'left') this.#hasDropped = true;
    if (got.status !== null && got.status >= 400) {
      if (got.ending !== 'whole') return false;
      seen.failure = failureCode(got.text);
      if (seen.failure === '') seen.violations.push(`status ${got.status} without an error: ${got.text.slice(0, 200)}`);
      return this.#end('failure');
    }
    if (manner === 'stream') return this.#takeStream(got);
    if (got.ending !== 'whole') return this.#hasWayBack() ? false : this.#end('lost');
    if (manner === 'whole') {
      seen.raw = got.text;
      return this.#end('whole');
    }
    return got.status === 202 ? false : this.#takeStatus(got);
  }

  /** Whether it can return to the request: by its key, or by the request's id if that is known. */
  #hasWayBack(): boolean {
    const { key, manner } = this.#errand;
    return key !== null || (manner !== 'whole' && this.#seen.requestId !== null);
  }

  #takeStatus({ text }: Exchange): boolean {
    const { status, answer, error } = JSON.parse(text);
    if (status === 'completed') {
      this.#seen.raw = JSON.stringify(answer?.body ?? null);
      return this.#end(answer?.status === 200 ? 'whole' : 'stuck');
    }
    if (status !== 'failed' && status !== 'cancelled') return false;
    this.#seen.failure = error?.code ?? '';
    return this.#end('failure');
  }

  #takeStream(got: Exchange): boolean {
    const seen = this.#seen;
    if (got.status === null) return this.#hasWayBack() ? false : this.#end('lost');
    this.#append(got);
    const { isDone, error, mark } = heardOf(seen);
    seen.rescued ||= mark?.rescued === true;
    if (error !== null) return this.#end('error event');
    if (isDone) return this.#end('whole');
    if (got.ending === 'whole') {
      seen.violations.push('a stream ended without its last event');
      return this.#end('stuck');
    }
    return false;
  }

  /** Appends complete events. Protocols without event ids restart from the beginning, which must match. */
  #append(got: Exchange): void {
    const seen = this.#seen;
    const text = withoutComments(got.text);
    const events = text.slice(0, Math.max(text.lastIndexOf('\n\n') + 2, text.lastIndexOf('\r\n\r\n') + 4, 0));
    const known = heardOf(seen).ids.at(-1);
    if (seen.raw === '' || known !== undefined) {
      const again = known === undefined ? -1 : events.indexOf(`id: ${known}\n`);
      if (again >= 0) seen.violations.push(`event ${known} was sent again`);
      seen.raw += again >= 0 ? events.slice(endOfEvent(events, known!)) : events;
      return;
    }
    if (!events.startsWith(seen.raw) && !seen.raw.startsWith(events)) seen.violations.push('replayed with other bytes');
    if (events.length > seen.raw.length) seen.raw = events;
  }

  #noteRequest({ headers, status }: Exchange): void {
    const seen = this.#seen;
    const requestId = headers['x-request-id'];
    if (requestId === undefined || status === null || status >= 300) return;
    if (seen.requestId !== null && seen.requestId !== requestId && seen.raw !== '') {
      if (heardOf(seen).ids.length > 0) seen.violations.push(`${seen.requestId} was continued as ${requestId}`);
      // Without event ids the answer starts over; its headers name another request, so the first one has failed.
      else seen.raw = '';
    }
    if (this.#errand.manner === 'async' && status !== 202) return;
    seen.requestId = requestId;
    seen.accepted.add(requestId);
  }

  #end(ending: Seen['ending']): true {
    this.#seen.ending = ending;
    return true;
  }
}

function failureCode(text: string): string {
  try {
    const { error } = JSON.parse(text);
    return String(error?.code ?? error?.type ?? error?.status ?? '');
  } catch {
    return '';
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
