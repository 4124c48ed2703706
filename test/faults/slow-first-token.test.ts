// A provider is slow to begin, and the model hedges: the next provider is called too, one of them answers, the other call is
// ended. What did the client receive (one whole answer from one provider), what was billed (both calls, to the picodollar),
// what happens to the next request?
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import {
  asFarAsItCame,
  booksClosed,
  closedRows,
  expectLedgerEqualsBill,
  type LedgerRow,
  ledgerRows,
} from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { attemptOf, deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';
import { readSpokenStream, SPOKEN, SPOKEN_PROTOCOLS, type SpokenName } from '#test/support/spoken-protocols.ts';
import { waitFor } from '#test/support/wait.ts';

const TOKENS = 12;
const AFTER_MS = 300;
/** Longer than any test waits: an attempt that is this slow has lost. */
const NEVER = 'slow:60000';
/** Answers before the first race: as many second attempts may be made. */
const WARM_UP = 60;
const HEDGE = { after_ms: AFTER_MS, max_share_percent: 100, max_extra_cost_percent: 100 };

const keys = createKeyspace('sluice');
let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  const more = { retries: { max: 1, base_ms: 10, max_ms: 50 }, circuit: { failures: 1_000 } };
  const timeouts = { first_byte_ms: 1_000 };
  const pairOf = (name: string) => [deployment('primary', name), deployment('secondary', name, { tier: 2 })];
  broker = await startBroker({
    configuration: {
      providers: {
        primary: provider(vendors.primary, more),
        secondary: provider(vendors.secondary, more),
        impatient: provider(vendors.primary, { ...more, timeouts }),
      },
      models: {
        pair: { deployments: pairOf('pair'), hedge: HEDGE },
        asked: { deployments: pairOf('asked'), hedge: { ...HEDGE, only_on_request: true } },
        capped: { deployments: pairOf('capped'), hedge: { ...HEDGE, max_share_percent: 5 } },
        dear: { deployments: pairOf('dear'), hedge: { ...HEDGE, max_extra_cost_percent: 0.1 } },
        full: {
          deployments: [
            deployment('primary', 'full'),
            deployment('secondary', 'full', { tier: 2, limits: { concurrency: 1 } }),
          ],
          hedge: HEDGE,
        },
        impatient: {
          deployments: [deployment('impatient', 'impatient'), deployment('secondary', 'impatient', { tier: 2 })],
          hedge: HEDGE,
        },
        // One deployment of `primary`; where its prompt is too long, two of them.
        narrow: { deployments: pairOf('narrow'), hedge: HEDGE, on_context_length: ['wide'] },
        wide: { deployments: [deployment('primary', 'wide-a'), deployment('primary', 'wide-b', { tier: 2 })] },
        usual: { deployments: pairOf('usual'), hedge: { ...HEDGE, after_ms: undefined, at_least_ms: AFTER_MS } },
      },
    },
  });
  vendors.primary.faults.replace(['context_length model=narrow contains="Too long."', 'slow:700 model=wide-a']);
  await mapConcurrently(['narrow', 'pair', 'asked', 'capped', 'dear', 'full', 'impatient'], 6, (model) =>
    warmUp(model),
  );
}, 120_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

/** Answers are counted, and may be hedged for. */
async function warmUp(model: string, count = WARM_UP): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index);
  await mapConcurrently(indexes, 4, (index) => ask(broker.url, { model, prompt: `Warm up ${index}.` }));
  const isCounted = async () => (await sums(model)).r >= count;
  await waitFor(`${count} answers of ${model} to be counted`, isCounted);
}

async function sums(model: string): Promise<Record<'r' | 's' | 'n' | 'x', number>> {
  const fields = Object.entries(await broker.redis.client.hgetall(keys.hedges(model)));
  const sum = (letter: string) =>
    fields.filter(([field]) => field.startsWith(letter)).reduce((total, [, value]) => total + Number(value), 0);
  return { r: sum('r'), s: sum('s'), n: sum('n'), x: sum('x') };
}

const slowFirst = (title: string) => `[[sim on=primary fault=${NEVER}]] ${title}`;
const slowSecond = (title: string) => `[[sim on=primary fault=slow:900]] [[sim on=secondary fault=${NEVER}]] ${title}`;
const providersOf = (rows: readonly LedgerRow[]) => rows.map(({ provider: name, outcome }) => `${name} ${outcome}`);
const rowsOf = (answer: Answer) => closedRows(broker, answer.headers['x-request-id']!);

function askIn(protocol: SpokenName, isStream: boolean, prompt: string, model = 'pair'): Promise<Answer> {
  const spoken = SPOKEN_PROTOCOLS[protocol];
  const body = spoken.body({ model, prompt, isStream });
  return ask(broker.url, { path: spoken.path(model, isStream), body });
}

function textOf(protocol: SpokenName, isStream: boolean, answer: Answer): string {
  if (!isStream) return SPOKEN_PROTOCOLS[protocol].readWhole(answer.text);
  const { text, error, isDone } = readSpokenStream(protocol, answer.text);
  expect({ error, isDone }).toEqual({ error: null, isDone: true });
  return text;
}

const SHAPES = SPOKEN.flatMap((protocol) => [true, false].map((isStream) => ({ protocol, isStream })));

test.each(SHAPES)('the second starts first: $protocol, streamed $isStream', async ({ protocol, isStream }) => {
  const prompt = slowFirst(`${protocol} ${isStream}`);
  const answer = await askIn(protocol, isStream, prompt);
  expect(answer).toMatchObject({ status: 200, ending: 'whole' });
  expect(answer.headers).toMatchObject({ 'x-sluice-provider': 'secondary', 'x-sluice-attempts': '2' });
  expect(textOf(protocol, isStream, answer).split(' ').filter(Boolean)).toHaveLength(TOKENS);
  const rows = await rowsOf(answer);
  expect(providersOf(rows)).toEqual(['primary hedge_lost', 'secondary ok']);
  expect(rows[0]).toMatchObject({ attempt: 1, state: 'estimated', outputTokens: 0 });
});

test.each(SHAPES)('the first starts first after all: $protocol, streamed $isStream', async ({ protocol, isStream }) => {
  const answer = await askIn(protocol, isStream, slowSecond(`${protocol} ${isStream}`));
  expect(answer).toMatchObject({ status: 200, ending: 'whole' });
  expect(answer.headers).toMatchObject({ 'x-sluice-provider': 'primary', 'x-sluice-attempts': '2' });
  expect(textOf(protocol, isStream, answer).split(' ').filter(Boolean)).toHaveLength(TOKENS);
  expect(providersOf(await rowsOf(answer))).toEqual(['primary ok', 'secondary hedge_lost']);
});

test('the cost shown to the client is that of both calls', async () => {
  for (const [isStream, prompt] of [
    [true, slowFirst('Cost, streamed.')],
    [false, slowFirst('Cost.')],
    [false, slowSecond('Cost of the first.')],
  ] as const) {
    const answer = await askIn('openai-chat', isStream, prompt);
    const cost = isStream ? readSpokenStream('openai-chat', answer.text).cost : JSON.parse(answer.text).usage.cost;
    const rows = await rowsOf(answer);
    expect(rows).toHaveLength(2);
    const booked = rows.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n);
    expect(BigInt(Math.round(cost * 1e12))).toBe(booked);
    expect(rows.every(({ costPicoUsd }) => costPicoUsd > 0n)).toBe(true);
  }
});

test('the first fails meanwhile: the second continues alone', async () => {
  const fault = '[[sim on=primary fault=silence times=1]] [[sim on=secondary fault=slow:1500]]';
  for (const isStream of [true, false]) {
    const answer = await askIn('openai-chat', isStream, `${fault} Goes on alone ${isStream}.`, 'impatient');
    expect(answer).toMatchObject({ status: 200, headers: { 'x-sluice-provider': 'secondary' } });
    expect(providersOf(await rowsOf(answer))).toEqual(['impatient upstream_first_byte_timeout', 'secondary ok']);
  }
});

test('the second fails: the first continues alone', async () => {
  const fault = '[[sim on=primary fault=slow:1200]] [[sim on=secondary fault=500 times=1]]';
  for (const isStream of [true, false]) {
    const answer = await askIn('openai-chat', isStream, `${fault} Waits for the first ${isStream}.`);
    expect(answer).toMatchObject({ status: 200, headers: { 'x-sluice-provider': 'primary' } });
    expect(providersOf(await rowsOf(answer))).toEqual(['primary ok', 'secondary upstream_server_error']);
  }
});

test('both fail: the request continues from the first, as after any failure', async () => {
  const fault = '[[sim on=primary fault=silence]] [[sim on=secondary fault=500]]';
  const answer = await askIn('openai-chat', true, `${fault} Both.`, 'impatient');
  expect(answer.status).toBe(502);
  // Providers with one retry: the second attempt counts as the first call of its provider.
  expect(providersOf(await rowsOf(answer))).toEqual([
    'impatient upstream_first_byte_timeout',
    'secondary upstream_server_error',
    'secondary upstream_server_error',
  ]);
});

test('the answer of the second breaks off: it is continued from what the client has', async () => {
  const fault = `[[sim on=primary fault=${NEVER} times=1]] [[sim on=secondary fault=cut@5 times=1]]`;
  const answer = await askIn('openai-chat', true, `${fault} Broken off.`);
  expect(textOf('openai-chat', true, answer).split(' ').filter(Boolean)).toHaveLength(TOKENS);
  const rows = await rowsOf(answer);
  expect(providersOf(rows)).toEqual(['primary hedge_lost', 'secondary upstream_stream_cut', 'primary ok']);
});

test('no second attempt: its cost share is spent, the client forbids it, the next provider is full', async () => {
  const denied = async (model: string, more: object = {}) => {
    const prompt = `[[sim on=primary fault=slow:700]] ${model} ${JSON.stringify(more)}`;
    const answer = await ask(broker.url, { model, prompt, more });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'x-sluice-provider': 'primary', 'x-sluice-attempts': '1' },
    });
    expect(providersOf(await rowsOf(answer))).toEqual(['primary ok']);
  };
  await denied('dear');
  await denied('pair', { provider: { hedge: false } });
  await denied('pair', { provider: { allow_fallbacks: false } });
  await denied('asked');
  const place = await holdPermit(broker, 'secondary/full');
  await denied('full');
  await place.release();
  const wished = await ask(broker.url, {
    model: 'asked',
    prompt: slowFirst('Asked.'),
    more: { provider: { hedge: true } },
  });
  expect(wished.headers['x-sluice-provider']).toBe('secondary');
});

test('the share of hedged answers is kept over all concurrent requests', async () => {
  const before = await sums('capped');
  const answers = await mapConcurrently([1, 2, 3, 4, 5, 6, 7, 8], 8, (index) =>
    ask(broker.url, { model: 'capped', prompt: `[[sim on=primary fault=slow:700]] ${index}` }),
  );
  const byProvider = answers.map(({ headers }) => headers['x-sluice-provider']);
  const allowed = Math.floor(before.r * 0.05);
  expect(allowed).toBeGreaterThan(0);
  expect(byProvider.filter((name) => name === 'secondary')).toHaveLength(allowed);
  expect((await sums('capped')).n).toBe(allowed);
});

test('a budget without room for two attempts allows one', async () => {
  // What one request of this size may cost, and a half: two do not fit.
  const { id, secret } = await broker.createKey('tight', { budgets: { total: '150000000' } });
  const asked = { model: 'pair', key: secret, more: { max_tokens: 10 } };
  const answer = await ask(broker.url, { ...asked, prompt: '[[sim on=primary fault=slow:700]] Tight.' });
  expect(answer).toMatchObject({ status: 200, headers: { 'x-sluice-provider': 'primary', 'x-sluice-attempts': '1' } });
  expect(id).toBeTruthy();
});

test('a budget without room for two attempts allows one on a detour too', async () => {
  const askNarrow = (key: string, prompt: string) => {
    const more = { max_tokens: 10, provider: { only: ['primary'] } };
    return ask(broker.url, { model: 'narrow', key, more, prompt });
  };
  const tight = await broker.createKey('tight-detour', { budgets: { total: '150000000' } });
  const alone = await askNarrow(tight.secret, 'Too long. Alone.');
  expect(alone).toMatchObject({ status: 200, headers: { 'x-sluice-model': 'wide-a', 'x-sluice-attempts': '2' } });
  const rich = await broker.createKey('rich-detour', { budgets: { total: '150000000000' } });
  const both = await askNarrow(rich.secret, 'Too long. Two of them.');
  expect(both).toMatchObject({ status: 200, headers: { 'x-sluice-model': 'wide-b', 'x-sluice-attempts': '3' } });
});

test('while the second streams, the record has the cost of the first: a worker that takes over knows it', async () => {
  const prompt = `[[sim on=primary fault=${NEVER} times=1]] [[sim on=secondary pace=100 tokens=20]] Taken over?`;
  const answer = openAnswer(broker.url, { model: 'pair', prompt, stream: true });
  await waitFor('the second to stream', () => answer.text.includes('data: '));
  const requestId = answer.headers['x-request-id']!;
  const noted = await waitFor('the cost of the first', async () => {
    const text = await broker.redis.client.hget(keys.request(requestId).record, 'progress');
    const { costPicoUsd } = JSON.parse(text ?? '{}') as { costPicoUsd?: string };
    return costPicoUsd === undefined || costPicoUsd === '0' ? null : BigInt(costPicoUsd);
  });
  expect(vendors.secondary.stats().inFlight).toBe(1);
  await answer.ended;
  const [lost] = await closedRows(broker, requestId);
  expect(lost).toMatchObject({ outcome: 'hedge_lost', costPicoUsd: noted });
});

test('the client disconnects during both calls: both are closed and in the ledger', async () => {
  const answer = openAnswer(broker.url, {
    model: 'pair',
    prompt: `[[sim fault=${NEVER}]] Leaves.`,
    stream: true,
  });
  await vendors.secondary.until(({ inFlight }) => inFlight === 1);
  answer.abort();
  await Promise.all([vendors.primary, vendors.secondary].map((one) => one.until(({ inFlight }) => inFlight === 0)));
  const requestId = vendors.primary.bill.entries().at(-1)!.clientRequestId!.split('.')[0]!;
  expect(providersOf(await closedRows(broker, requestId))).toEqual([
    'primary request_cancelled',
    'secondary request_cancelled',
  ]);
});

test('what was billed: every call, once', async () => {
  await booksClosed(broker);
  const bills = vendors.bill();
  const billed = new Set(bills.map((entry) => `${entry.clientRequestId?.split('.')[0]}.${attemptOf(entry)}`));
  const wasUnread = ({ requestId, attempt, state, outputTokens }: LedgerRow) =>
    state === 'estimated' && outputTokens === 0 && !billed.has(`${requestId}.${attempt}`);
  const rows = (await ledgerRows(broker)).filter((row) => !wasUnread(row));
  expect(rows.filter(({ outcome }) => outcome === 'hedge_lost').length).toBeGreaterThan(15);
  expectLedgerEqualsBill(rows, { ...vendors, bill: () => bills.map((entry) => asFarAsItCame(entry, rows)) });
});

test('without a configured time: the deployment’s usual time, once enough calls are known', async () => {
  const hedged = async (prompt: string) => {
    const answer = await ask(broker.url, { model: 'usual', prompt, stream: true });
    return answer.headers['x-sluice-provider'] === 'secondary';
  };
  await warmUp('usual', 5);
  expect(await hedged('[[sim on=primary fault=slow:900]] Nothing is known.')).toBe(false);
  // Of each deployment a worker notes five a second.
  const isKnown = async () => {
    await ask(broker.url, { model: 'usual', prompt: 'Tell how fast you are.', stream: true });
    return (await broker.redis.client.llen(keys.speeds('primary/usual'))) >= 25;
  };
  await waitFor('25 samples', isKnown, 30_000);
  expect(await hedged(slowFirst('Something is known.'))).toBe(true);
  // A call that was ended counts with the time that it had: else only the fast ones would be usual.
  const slowest = async () =>
    Math.max(
      ...(await broker.redis.client.lrange(keys.speeds('primary/usual'), 0, 3)).map((text) =>
        Number(text.split(' ')[1]),
      ),
    );
  await waitFor('the lost call to be noted', async () => (await slowest()) >= AFTER_MS);
});

test('nothing of them is left: places, lost cost and open attempts', async () => {
  const { n, x } = await sums('pair');
  const rows = (await ledgerRows(broker)).filter(({ provider: name }) => name !== '');
  expect(n).toBeGreaterThan(10);
  expect(x).toBeGreaterThan(0);
  expect(rows.length).toBeGreaterThan(n);
  expect(await broker.redis.client.zcard(keys.scope('deployment:secondary/full').leases)).toBe(0);
  expect((await ask(broker.url, { model: 'pair', prompt: 'And then?' })).headers['x-sluice-attempts']).toBe('1');
});
