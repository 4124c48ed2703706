// Dead letters in SQL. A letter is written once, even if several processes insert it; replays are links to later requests.
import type { ExpressionBuilder, Selectable } from 'kysely';
import type { Failure } from '../contracts/failure.ts';
import type { RequestSpec, TimelinePart } from '../contracts/request-record.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';
import type { DeadLettersTable } from '../storage/ledger-tables.ts';
import type { Tables } from '../storage/tables.ts';
import type { DeadLetter, LetterFilter, Replay, StoredBody } from './dead-letter.ts';

export interface StoredLetter extends DeadLetter {
  /** Newest first. */
  replays: Replay[];
}

export interface DeadLetterStore {
  /** Idempotent: existing letters are not changed. */
  insert(letters: readonly { letter: Omit<DeadLetter, 'body'>; body: StoredBody }[]): Promise<void>;
  /** Newest first. @param before the last letter of the previous page. */
  list(filter: LetterFilter, limit: number, before?: Position): Promise<StoredLetter[]>;
  /** Oldest first. */
  listOldest(filter: LetterFilter, limit: number): Promise<StoredLetter[]>;
  count(filter: LetterFilter): Promise<number>;
  find(requestId: string): Promise<StoredLetter | null>;
  readBody(requestId: string): Promise<StoredBody | null>;
  /** Returns how many were deleted. */
  delete(filter: LetterFilter): Promise<number>;
  addReplay(replay: Replay): Promise<void>;
  removeReplay(requestId: string): Promise<void>;
  /** Links of any request: the letter that it replays, and the replays of it. */
  linksOf(requestId: string): Promise<{ replayOf: string | null; replays: Replay[] }>;
  /** Returns how many letters were deleted. Replay links of the same age are deleted too. */
  deleteOlderThan(beforeMs: number): Promise<number>;
}

export interface Position {
  failedAtMs: number;
  requestId: string;
}

/** All columns but the body, which may be large. */
const COLUMNS = [
  'request_id',
  'provider',
  'failed_at',
  'attempts',
  'cost_pico_usd',
  'spec',
  'failure',
  'timeline',
  'body_form',
  'body_key',
] as const;

export function createDeadLetterStore(database: Database): DeadLetterStore {
  async function replaysOf(requestIds: readonly string[]): Promise<Map<string, Replay[]>> {
    const replays = new Map<string, Replay[]>();
    if (requestIds.length === 0) return replays;
    const rows = await database
      .selectFrom('replays')
      .selectAll()
      .where('replay_of', 'in', requestIds)
      .orderBy('created_at', 'desc')
      .execute();
    for (const row of rows) replays.set(row.replay_of, [...(replays.get(row.replay_of) ?? []), readReplay(row)]);
    return replays;
  }

  async function withReplays(rows: LetterRow[]): Promise<StoredLetter[]> {
    const replays = await replaysOf(rows.map((row) => row.request_id));
    return rows.map((row) => ({ ...readLetter(row), replays: replays.get(row.request_id) ?? [] }));
  }

  return {
    async insert(letters) {
      if (letters.length === 0) return;
      await database
        .insertInto('dead_letters')
        .values(letters.map(({ letter, body }) => letterRow(letter, body)))
        .onConflict((conflict) => conflict.column('request_id').doNothing())
        .execute();
    },

    async list(filter, limit, before) {
      let query = database.selectFrom('dead_letters').select(COLUMNS).where(filtered(filter));
      if (before !== undefined) query = query.where(isBefore(before));
      const rows = await query.orderBy('failed_at', 'desc').orderBy('request_id', 'desc').limit(limit).execute();
      return withReplays(rows);
    },

    async listOldest(filter, limit) {
      const query = database.selectFrom('dead_letters').select(COLUMNS).where(filtered(filter));
      return withReplays(await query.orderBy('failed_at').orderBy('request_id').limit(limit).execute());
    },

    async count(filter) {
      const query = database.selectFrom('dead_letters').where(filtered(filter));
      const row = await query.select((row) => row.fn.countAll().as('count')).executeTakeFirst();
      return asNumber(row?.count ?? 0);
    },

    async find(requestId) {
      const query = database.selectFrom('dead_letters').select(COLUMNS).where('request_id', '=', requestId);
      return (await withReplays(await query.execute()))[0] ?? null;
    },

    async readBody(requestId) {
      const row = await database
        .selectFrom('dead_letters')
        .select(['body', 'body_form', 'body_key'])
        .where('request_id', '=', requestId)
        .executeTakeFirst();
      if (row === undefined) return null;
      return { form: row.body_form as StoredBody['form'], keyId: row.body_key, bytes: row.body };
    },

    async delete(filter) {
      const [result] = await database.deleteFrom('dead_letters').where(filtered(filter)).execute();
      return Number(result?.numDeletedRows ?? 0);
    },

    async addReplay({ requestId, replayOf, model, createdAtMs }) {
      const row = { request_id: requestId, replay_of: replayOf, model, created_at: createdAtMs };
      await database.insertInto('replays').values(row).execute();
    },

    async removeReplay(requestId) {
      await database.deleteFrom('replays').where('request_id', '=', requestId).execute();
    },

    async linksOf(requestId) {
      const origin = await database
        .selectFrom('replays')
        .select('replay_of')
        .where('request_id', '=', requestId)
        .executeTakeFirst();
      const replays = (await replaysOf([requestId])).get(requestId) ?? [];
      return { replayOf: origin?.replay_of ?? null, replays };
    },

    async deleteOlderThan(beforeMs) {
      await database.deleteFrom('replays').where('created_at', '<', beforeMs).execute();
      const [result] = await database.deleteFrom('dead_letters').where('failed_at', '<', beforeMs).execute();
      return Number(result?.numDeletedRows ?? 0);
    },
  };
}

type LetterRow = Pick<Selectable<DeadLettersTable>, (typeof COLUMNS)[number]>;

type Filterable = ExpressionBuilder<Tables, 'dead_letters'>;

function filtered(filter: LetterFilter) {
  return (row: Filterable) => {
    const parts = [];
    if (filter.ids !== undefined) parts.push(row('request_id', 'in', filter.ids));
    if (filter.model !== undefined) parts.push(row('model', '=', filter.model));
    if (filter.provider !== undefined) parts.push(row('provider', '=', filter.provider));
    if (filter.code !== undefined) parts.push(row('code', '=', filter.code));
    if (filter.keyId !== undefined) parts.push(row('key_id', '=', filter.keyId));
    if (filter.fromMs !== undefined) parts.push(row('failed_at', '>=', filter.fromMs));
    if (filter.toMs !== undefined) parts.push(row('failed_at', '<', filter.toMs));
    if (filter.isReplayed !== undefined) {
      const replayed = row('request_id', 'in', row.selectFrom('replays').select('replay_of'));
      parts.push(filter.isReplayed ? replayed : row.not(replayed));
    }
    return row.and(parts);
  };
}

function isBefore({ failedAtMs, requestId }: Position) {
  return (row: Filterable) =>
    row.or([
      row('failed_at', '<', failedAtMs),
      row.and([row('failed_at', '=', failedAtMs), row('request_id', '<', requestId)]),
    ]);
}

function letterRow(letter: Omit<DeadLetter, 'body'>, body: StoredBody): DeadLettersTable {
  const { spec, failure } = letter;
  return {
    request_id: spec.requestId,
    key_id: spec.keyId,
    model: spec.model,
    provider: letter.provider,
    code: failure.code,
    lane: spec.lane,
    protocol: spec.protocol,
    accepted_at: spec.acceptedAtMs,
    failed_at: letter.failedAtMs,
    attempts: letter.attempts,
    cost_pico_usd: letter.costPicoUsd.toString(),
    spec: JSON.stringify(spec),
    failure: JSON.stringify(failure),
    timeline: JSON.stringify(letter.timeline),
    body_form: body.form,
    body_key: body.keyId,
    body: body.bytes,
  };
}

function readLetter(row: LetterRow): DeadLetter {
  return {
    spec: JSON.parse(row.spec) as RequestSpec,
    failure: JSON.parse(row.failure) as Failure,
    provider: row.provider,
    failedAtMs: asNumber(row.failed_at),
    attempts: asNumber(row.attempts),
    costPicoUsd: asBigint(row.cost_pico_usd),
    timeline: JSON.parse(row.timeline) as TimelinePart[],
    body: { form: row.body_form as StoredBody['form'], keyId: row.body_key },
  };
}

function readReplay(row: { request_id: string; replay_of: string; model: string; created_at: unknown }): Replay {
  return {
    requestId: row.request_id,
    replayOf: row.replay_of,
    model: row.model,
    createdAtMs: asNumber(row.created_at),
  };
}
