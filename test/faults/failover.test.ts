// Symptom: a silent provider was tried three times while another one waited (91 s), a stall ended in a failure, a refusal by a
// filter was sent to another provider, a wait of two seconds was never waited for, and a recovered provider got no traffic.
// Cause: retries always came before the next step; the plan had only one path; cooldowns grew to a minute. Fix:
// src/routing/advance.ts, walk.ts; docs/routing.md describes the rules.
//
// The scenarios of a failover benchmark: what the client gets, how many calls each provider gets, and how long it may take.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import {
  asFarAsItCame,
  booksClosed,
  closedRows,
  expectLedgerEqualsBill,
  type LedgerRow,
  ledgerRows,
} from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import {
  attemptOf,
  deployment,
  type Providers,
  provider,
  providerConfiguration,
  startProviders,
} from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const TOKENS = 12;
/** Between a healthy answer on a busy machine and a test's patience. */
const SILENCE_MS = 1_000;
const FIRST_TOKEN_MS = 600;
/** For everything around one limit: calls, hand-overs, a machine that is busy with other work. */
const CALL_MS = 8_000;
const COOLDOWN_MS = 300;

type Provider = 'primary' | 'secondary' | 'refusing' | 'larger';

interface Scenario {
  title: string;
  /** Faults of the first provider, as in a prompt. */
  fault: string;
  /** Its wait, and nothing else, may add to a call. */
  limitMs?: number;
  isStream?: boolean;
  model?: string;
  /** Calls by provider; the last one answers. */
  calls: Partial<Record<Provider, number>>;
  answer?: { status: number; code: string };
  outcomes?: string[];
}

const OTHER_PROTOCOLS = ['anthropic-messages', 'gemini-generate-content', 'openai-responses'] as const;

const SCENARIOS: Scenario[] = [
  { title: '429 without a wait', fault: '429:100:none', calls: { primary: 3, secondary: 1 } },
  { title: '429 without a wait, once', fault: '429:100:none times=1', calls: { primary: 2 } },
  { title: '429 with a long wait', fault: '429:60000', calls: { primary: 1, secondary: 1 } },
  { title: '429 with a wait of two seconds', fault: '429:2000:seconds times=1', limitMs: 2_200, calls: { primary: 2 } },
  {
    title: '429 with a short wait, at a model that does not wait',
    model: 'hurried',
    fault: '429:1000:seconds times=1',
    calls: { primary: 1, secondary: 1 },
  },
  {
    title: '429 with a wait of three seconds, at a model that waits for four',
    model: 'patient',
    fault: '429:3000:seconds times=1',
    limitMs: 3_300,
    calls: { primary: 2 },
  },
  { title: '500 once', fault: '500 times=1', calls: { primary: 2 } },
  { title: '500 for as long as it is asked', fault: '500', calls: { primary: 3, secondary: 1 } },
  { title: 'a reset', fault: 'reset', calls: { primary: 3, secondary: 1 } },
  {
    title: 'silence',
    fault: 'silence',
    limitMs: SILENCE_MS,
    calls: { primary: 1, secondary: 1 },
    outcomes: ['upstream_first_byte_timeout', 'ok'],
  },
  {
    title: 'silence, streamed',
    fault: 'silence',
    isStream: true,
    limitMs: SILENCE_MS,
    calls: { primary: 1, secondary: 1 },
    outcomes: ['upstream_first_byte_timeout', 'ok'],
  },
  {
    title: 'a first token that comes late',
    model: 'first-token',
    fault: 'comments,slow:60000',
    isStream: true,
    limitMs: FIRST_TOKEN_MS,
    calls: { primary: 1, secondary: 1 },
    outcomes: ['upstream_first_token_timeout', 'ok'],
  },
  {
    title: 'a first token that comes late, and nobody else to ask',
    model: 'first-token-alone',
    fault: 'slow:1500',
    isStream: true,
    limitMs: 1_500,
    calls: { primary: 1 },
  },
  { title: 'a cut', fault: 'cut@5', isStream: true, calls: { primary: 3, secondary: 1 } },
  {
    title: 'a stall',
    fault: 'stall@5',
    isStream: true,
    limitMs: SILENCE_MS,
    calls: { primary: 1, secondary: 1 },
    outcomes: ['upstream_idle_timeout', 'ok'],
  },
  {
    title: 'a stall, and a next provider that refuses to go on behind words',
    model: 'refusing',
    fault: 'stall@5',
    isStream: true,
    limitMs: SILENCE_MS,
    calls: { primary: 1, refusing: 2 },
  },
  { title: 'an event that is not JSON', fault: 'malformed@5', isStream: true, calls: { primary: 3, secondary: 1 } },
  { title: 'no [DONE]', fault: 'missing_done', isStream: true, calls: { primary: 1 } },
  {
    title: 'a prompt that is too long',
    fault: 'context_length',
    calls: { primary: 1 },
    answer: { status: 400, code: 'context_length_exceeded' },
  },
  {
    title: 'a prompt that is too long, at a model that names a larger one',
    model: 'detour',
    fault: 'context_length',
    calls: { primary: 1, larger: 1 },
  },
  {
    title: 'a prompt that is filtered',
    fault: 'content_filter',
    calls: { primary: 1 },
    answer: { status: 400, code: 'content_filter' },
  },
  {
    title: 'a prompt that is filtered, at a model that names where else to ask',
    model: 'detour',
    fault: 'content_filter',
    isStream: true,
    calls: { primary: 1, larger: 1 },
  },
  ...OTHER_PROTOCOLS.flatMap((protocol) =>
    [true, false].map((isStream) => ({
      title: `a prompt that is filtered by a provider of ${protocol}${isStream ? ', streamed' : ''}, with a model named`,
      model: protocol,
      fault: 'content_filter',
      isStream,
      calls: { primary: 1, larger: 1 },
    })),
  ),
  {
    title: 'a prompt that is filtered, of a client that wants no other provider',
    model: 'detour',
    fault: 'content_filter',
    calls: { primary: 1 },
    answer: { status: 400, code: 'content_filter' },
  },
  {
    title: 'a bad request',
    fault: '400',
    calls: { primary: 1 },
    answer: { status: 400, code: 'invalid_value' },
  },
];

const NO_FALLBACKS = 'a prompt that is filtered, of a client that wants no other provider';

let vendors: Providers;
let refusing: Simulator;
let larger: Simulator;
let broker: TestBroker;
let played: Map<Scenario, Answer>;

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  [refusing, larger] = await Promise.all([
    startSimulator({ name: 'refusing', tokens: TOKENS, prefill: 'refuse' }),
    startSimulator({ name: 'larger', tokens: TOKENS }),
  ]);
  broker = await startBroker({ configuration: configure() });
  played = new Map(await mapConcurrently(SCENARIOS, 8, async (the) => [the, await play(the)] as const));
}, 120_000);
afterAll(async () => {
  await broker?.stop();
  await Promise.all([vendors, refusing, larger].map((started) => started?.close()));
});

/** Each scenario has its own model, and so its own deployments and circuits. */
const nameOf = (the: Scenario) => `scenario-${SCENARIOS.indexOf(the)}`;

function configure() {
  const retries = { max: 2, base_ms: 10, max_ms: 50 };
  const configuration = providerConfiguration(vendors, {
    retries,
    timeouts: { first_byte_ms: SILENCE_MS, idle_ms: SILENCE_MS },
  });
  const providers = configuration.providers!;
  const models = configuration.models!;
  // The default limits.
  providers.usual = provider(vendors.primary, { retries });
  for (const protocol of OTHER_PROTOCOLS) {
    const { url } = vendors.primary;
    const address = protocol === 'openai-responses' ? `${url}/v1` : url;
    providers[protocol] = provider(vendors.primary, { protocols: [protocol], base_url: address });
  }
  const circuit = { failures: 5, cooldown_ms: COOLDOWN_MS, max_cooldown_ms: COOLDOWN_MS * 2 };
  providers.flapping = provider(vendors.primary, { retries, circuit });
  providers.refusing = provider(refusing, { prefill: 'plain' });
  providers.larger = provider(larger);
  const second = (name: string) => deployment('secondary', name, { tier: 2 });
  for (const the of SCENARIOS) {
    const name = nameOf(the);
    const pair = [deployment('primary', name), second(name)];
    const shapes: Record<string, (typeof models)[string]> = {
      pair: { deployments: pair },
      hurried: { deployments: pair, wait_up_to_ms: 0 },
      patient: { deployments: pair, wait_up_to_ms: 4_000 },
      'first-token': { deployments: [deployment('usual', name, { first_token_ms: FIRST_TOKEN_MS }), second(name)] },
      'first-token-alone': { deployments: [deployment('usual', name, { first_token_ms: FIRST_TOKEN_MS })] },
      refusing: { deployments: [deployment('primary', name), deployment('refusing', name, { tier: 2 })] },
      ...Object.fromEntries(
        OTHER_PROTOCOLS.map((protocol) => [
          protocol,
          { deployments: [deployment(protocol, name), second(name)], on_content_filter: ['larger'] },
        ]),
      ),
      detour: { deployments: pair, on_context_length: ['larger'], on_content_filter: ['larger'] },
    };
    models[name] = shapes[the.model ?? 'pair']!;
  }
  models.larger = { deployments: [deployment('larger', 'larger')] };
  providers.hurried = provider(vendors.primary, { retries: { ...retries, max: 0 }, circuit: { failures: 1_000 } });
  models.moves = { deployments: [deployment('hurried', 'moves'), second('moves')] };
  for (const name of ['outage', 'flaps', 'trial']) {
    models[name] = { deployments: [deployment(name === 'outage' ? 'primary' : 'flapping', name), second(name)] };
  }
  models['any/*'] = { deployments: [deployment('primary', '*', { id: 'any' })] };
  return configuration;
}

function play(the: Scenario): Promise<Answer> {
  const more = the.title === NO_FALLBACKS ? { provider: { allow_fallbacks: false } } : {};
  return ask(broker.url, {
    model: nameOf(the),
    prompt: `[[sim on=primary fault=${the.fault}]] ${the.title}`,
    stream: the.isStream === true,
    more,
    headers: { 'x-sluice-deadline-ms': '30000' },
  });
}

test.each(SCENARIOS)('$title', async (the) => {
  const answer = played.get(the)!;
  if (the.answer === undefined) expectAnswered(the, answer);
  else expect([answer.status, JSON.parse(answer.text).error.code]).toEqual(Object.values(the.answer));
  expect(answer.durationMs).toBeLessThan((the.limitMs ?? 0) + CALL_MS);

  const rows = await closedRows(broker, answer.headers['x-request-id']!);
  const calls = Object.groupBy(rows, ({ provider: name }) =>
    name === 'usual' || name.includes('-') ? 'primary' : name,
  );
  const counts = Object.fromEntries(Object.entries(calls).map(([name, list]) => [name, list!.length]));
  expect(counts).toEqual(the.calls);
  if (the.outcomes !== undefined) expect(rows.map(({ outcome }) => outcome)).toEqual(the.outcomes);
});

function expectAnswered({ isStream }: Scenario, { status, text, ending }: Answer): void {
  expect([status, ending]).toEqual([200, 'whole']);
  if (isStream !== true) return expect(JSON.parse(text).usage.completion_tokens).toBe(TOKENS);
  expect(readChatStream(text)).toMatchObject({ error: null, isDone: true, tokens: TOKENS });
}

test('a wait that the provider announced is observed completely', () => {
  const waited = SCENARIOS.filter(({ title }) => title.includes('with a wait of'));
  for (const the of waited) expect(played.get(the)!.durationMs).toBeGreaterThan(the.limitMs! - 350);
  expect(waited).toHaveLength(2);
});

const servedBy = async (model: string, prompt: string) =>
  (await ask(broker.url, { model, prompt })).headers['x-sluice-provider'];
const callsOfPrimary = () => vendors.primary.stats().calls;
const isDown = (model: string) => vendors.primary.faults.replace([{ fault: '503', match: { model } }]);
const isWell = () => vendors.primary.faults.clear();

test('503 for long: every client is answered, and the provider gets only the calls that test whether it is back', async () => {
  isDown('outage');
  const before = callsOfPrimary();
  const served: (string | undefined)[] = [];
  for (let count = 0; count < 30; count++) served.push(await servedBy('outage', `request ${count}`));
  isWell();
  expect(served).toEqual(Array(30).fill('secondary'));
  expect(callsOfPrimary() - before).toBeLessThanOrEqual(8);
});

test('a provider that fails repeatedly gets its traffic back each time', async () => {
  for (const round of [1, 2, 3]) {
    isDown('flaps');
    await waitFor(
      'it to be left alone',
      async () => (await openCircuits()).includes('flapping/flaps') || findOut('flaps'),
    );
    isWell();
    const back = async () => (await servedBy('flaps', `is it back? ${round}`)) === 'flapping';
    await waitFor('it to be asked again', back, COOLDOWN_MS * 2 + CALL_MS);
    const next = await mapConcurrently([1, 2, 3, 4, 5], 1, (count) => servedBy('flaps', `next ${count}`));
    expect(next).toEqual(Array(5).fill('flapping'));
  }
});

const openCircuits = () => broker.redis.client.hkeys('{sluice}:open-circuits');
async function findOut(model: string): Promise<false> {
  await servedBy(model, 'finds out');
  return false;
}

test('the probe of a recovered provider succeeds when its stream starts, for the requests behind it', async () => {
  isDown('trial');
  await waitFor(
    'it to be left alone',
    async () => (await openCircuits()).includes('flapping/trial') || findOut('trial'),
  );
  isWell();
  const isTried = async () => {
    const stream = openAnswer(broker.url, {
      model: 'trial',
      prompt: `[[sim on=primary pace=50 tokens=400]] A long story.`,
      stream: true,
    });
    await waitFor('its first words', () => stream.bytes > 0, CALL_MS);
    if (stream.headers['x-sluice-provider'] === 'flapping') return stream;
    stream.abort();
    return null;
  };
  const trial = await waitFor('the trial', isTried, CALL_MS);
  await waitFor('another to be served', async () => (await servedBy('trial', 'And I?')) === 'flapping', CALL_MS);
  expect(readChatStream(trial.text).isDone).toBe(false);
  trial.abort();
});

test('a rate limit applies to the requested model, not to all models of the wildcard', async () => {
  const headers = { 'x-sluice-deadline-ms': '3000' };
  const limited = { model: 'any/hot', prompt: '[[sim fault=429:20000]]', headers };
  expect((await ask(broker.url, limited)).status).toBe(429);
  const calls = callsOfPrimary();
  expect((await ask(broker.url, { ...limited, prompt: 'I have just come.' })).status).toBe(503);
  expect(callsOfPrimary()).toBe(calls);
  expect((await ask(broker.url, { model: 'any/cold', prompt: 'Hello.', headers })).status).toBe(200);
});

test('a failing model of a wildcard does not take the others out of rotation', async () => {
  isDown('down');
  for (let count = 0; count < 3; count++) {
    await ask(broker.url, { model: 'any/down', prompt: `${count}`, headers: { 'x-sluice-deadline-ms': '1000' } });
  }
  await waitFor('its circuit to open', async () => (await openCircuits()).length > 0);
  expect(await openCircuits()).toContain('any/down');
  isWell();
  expect((await ask(broker.url, { model: 'any/well', prompt: 'Hello.' })).status).toBe(200);
});

test('what was billed: every call once, and nothing for refused calls', async () => {
  await booksClosed(broker);
  const bills = [...vendors.bill(), ...refusing.bill.entries(), ...larger.bill.entries()];
  const billed = new Set(bills.map((entry) => `${entry.clientRequestId?.split('.')[0]}.${attemptOf(entry)}`));
  // A call that was ended before its provider had read it: Sluice cannot know that, so its prompt is estimated.
  const wasUnread = ({ requestId, attempt, state, outputTokens }: LedgerRow) =>
    state === 'estimated' && outputTokens === 0 && !billed.has(`${requestId}.${attempt}`);
  const rows = (await ledgerRows(broker)).filter((row) => !wasUnread(row));
  expectLedgerEqualsBill(rows, { ...vendors, bill: () => bills.map((entry) => asFarAsItCame(entry, rows)) });
});

// Symptom: one hand-over in sixty took two seconds. Cause: the worker took the request from the next provider's queue before
// its own call that queued it there had returned, assumed that it was still processing it, and postponed it. Fix: it waits
// for the ending delivery. The test needs no clock: the number of the postponed attempt is missing.
test('a request that fails over to the next provider starts there at once', async () => {
  const indexes = Array.from({ length: 400 }, (_, index) => index);
  const answers = await mapConcurrently(indexes, 4, (index) =>
    ask(broker.url, { model: 'moves', prompt: `[[sim on=primary fault=500]] Moves ${index}.` }),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  await booksClosed(broker);
  const moved = new Set(answers.map(({ headers }) => headers['x-request-id']));
  const answered = (await ledgerRows(broker)).filter((row) => moved.has(row.requestId) && row.outcome === 'ok');
  expect(answered).toHaveLength(answers.length);
  expect(new Set(answered.map(({ attempt }) => attempt))).toEqual(new Set([2]));
});
