// The console's SQL queries work on both engines: the search for requests, the figures of the last hour, outcomes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import { type Figures, noFigures } from '#src/ledger/figures.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { readRecent } from '#src/ledger/recent-figures.ts';
import { countOutcomes } from '#src/ledger/request-history.ts';
import { type RequestFilter, type RequestPosition, searchRequests } from '#src/ledger/request-search.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();
const START = Date.UTC(2026, 10, 20, 12);
const COUNT = 60;
const HOSTILE = `%_\\'; drop table requests; --`;

const idOf = (number: number) => `req_${String(number).padStart(4, '0')}`;

/** The same moment for every three of them: the id decides. */
function message(number: number): LedgerMessage {
  const isBad = number % 10 === 0;
  const acceptedAtMs = START + Math.floor(number / 3) * 1_000;
  const common = {
    requestId: idOf(number),
    keyId: number % 2 === 0 ? 'key_even' : 'key_odd',
    model: number === 7 ? HOSTILE : number % 4 === 0 ? 'gpt-4o' : 'gpt-4o-mini',
    protocol: 'openai-chat',
    lane: number % 5 === 0 ? ('batch' as const) : ('interactive' as const),
    isStream: number % 3 === 0,
    labels: { tags: number % 6 === 0 ? ['team:search', 'a_b'] : ['axb'] },
    outcome: isBad ? 'upstream_timeout' : 'ok',
    costPicoUsd: String(number * 1_000_000),
  };
  return {
    request: {
      ...common,
      provider: isBad ? null : 'openai',
      upstreamModel: isBad ? null : 'gpt-4o',
      acceptedAtMs,
      finishedAtMs: acceptedAtMs + number,
      attempts: isBad ? 2 : 1,
      timeline: [],
      chargeUnits: 1,
    },
    attempt: {
      ...common,
      attempt: 1,
      provider: 'openai',
      deployment: 'openai/gpt-4o',
      ...(isBad ? { credential: 'second' } : {}),
      upstreamModel: 'gpt-4o',
      state: 'settled',
      startedAtMs: acceptedAtMs,
      queueMs: 2,
      firstByteMs: isBad ? null : 30,
      durationMs: number,
      inputTokens: 100,
      cachedInputTokens: 10,
      cacheWriteTokens: 0,
      outputTokens: 50,
      reasoningTokens: 5,
    },
  };
}

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
    await createLedgerStore(database).insert(Array.from({ length: COUNT }, (_, number) => message(number)));
  });
  afterAll(() => database.destroy());

  const search = async (filter: RequestFilter) => (await searchRequests(database, filter, 500)).requests;
  const numbers = (matches: (number: number) => boolean) =>
    Array.from({ length: COUNT }, (_, index) => COUNT - 1 - index)
      .filter(matches)
      .map(idOf);

  test.each<[string, RequestFilter, (number: number) => boolean]>([
    ['by nothing', {}, () => true],
    ['by key', { keyId: 'key_even' }, (number) => number % 2 === 0],
    ['by a model', { model: 'gpt-4o' }, (number) => number % 4 === 0],
    ['by a part of a model in any case', { model: '*-MINI' }, (number) => number % 4 !== 0 && number !== 7],
    ['by a part of a model', { model: '*-mini' }, (number) => number % 4 !== 0 && number !== 7],
    ['by a model with signs of SQL', { model: HOSTILE }, (number) => number === 7],
    ['by a model that only looks like a pattern', { model: 'gpt-4_' }, () => false],
    ['by provider', { provider: 'openai' }, (number) => number % 10 !== 0],
    ['by failure', { outcome: 'failed' }, (number) => number % 10 === 0],
    ['by code', { outcome: 'upstream_timeout' }, (number) => number % 10 === 0],
    ['by tag', { tag: 'team:search' }, (number) => number % 6 === 0],
    ['by a tag that looks like a pattern', { tag: 'a_b' }, (number) => number % 6 === 0],
    ['by a part of a tag', { tag: 'team' }, () => false],
    ['by a tag in its own case', { tag: 'Team:search' }, () => false],
    ['by lane', { lane: 'batch' }, (number) => number % 5 === 0],
    ['by form', { isStream: true }, (number) => number % 3 === 0],
    ['by cost', { minCostPicoUsd: 50_000_000n }, (number) => number >= 50],
    ['by duration', { minDurationMs: 40 }, (number) => number >= 40],
    ['by attempts', { isRetried: true }, (number) => number % 10 === 0],
    ['by time', { fromMs: START + 5_000, toMs: START + 6_000 }, (number) => Math.floor(number / 3) === 5],
  ])('requests are found %s', async (_, filter, matches) => {
    expect((await search(filter)).map(({ requestId }) => requestId)).toEqual(numbers(matches));
  });

  test('pages have no gaps and no repetitions, even if many requests have the same time', async () => {
    const seen: string[] = [];
    let after: RequestPosition | undefined;
    do {
      const { requests, next } = await searchRequests(database, {}, 7, after);
      seen.push(...requests.map(({ requestId }) => requestId));
      after = next ?? undefined;
    } while (after !== undefined);
    expect(seen).toEqual(numbers(() => true));
  });

  test('a request in the results has the sums of its attempts, and its tags', async () => {
    const [found] = await search({ fromMs: START + 4_000, toMs: START + 5_000, tag: 'team:search' });
    expect(found).toMatchObject({ requestId: 'req_0012', inputTokens: 100, outputTokens: 50, firstByteMs: 32 });
    expect(found!.tags).toEqual(['team:search', 'a_b']);
    expect(found!.costPicoUsd).toBe(12_000_000n);
  });

  test('the figures of the recent past are right', async () => {
    const slices = new Map<number, Figures>();
    const sliceAt = (ms: number) => {
      if (!slices.has(ms)) slices.set(ms, noFigures());
      return slices.get(ms)!;
    };
    await readRecent(database, { fromMs: START, untilMs: START + 60_000, sliceMs: 10_000, sliceAt });
    const all = [...slices.values()];
    const sum = (pick: (figures: Figures) => number) => all.reduce((total, figures) => total + pick(figures), 0);
    expect(slices.size).toBe(2);
    expect(sum(({ requests }) => requests)).toBe(COUNT);
    expect(sum(({ failed }) => failed)).toBe(COUNT / 10);
    expect(sum(({ inputTokens }) => inputTokens)).toBe(COUNT * 100);
    expect(all.reduce((total, { costPicoUsd }) => total + costPicoUsd, 0n)).toBe(
      BigInt((COUNT * (COUNT - 1)) / 2) * 1_000_000n,
    );
  });

  test('attempts are counted by outcome, deployment and credential', async () => {
    const counts = await countOutcomes(database, START + 10_000);
    expect(counts.toSorted((a, b) => a.attempts - b.attempts)).toEqual([
      { deployment: 'openai/gpt-4o', credential: 'second', outcome: 'upstream_timeout', attempts: 3 },
      { deployment: 'openai/gpt-4o', credential: null, outcome: 'ok', attempts: 27 },
    ]);
  });
});
