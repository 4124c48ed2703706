// A provider's stream breaks after text was sent to the client: cut at token 40 of 60, silent, invalid data, an error event.
// The next provider repeats the text, continues it, refuses to, or answers differently. In every client protocol, the client
// gets the whole answer or an error event; every attempt is billed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, closedRows, type LedgerRow, ledgerRows } from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { deployment, provider } from '#test/support/providers.ts';
import { readSpokenStream, SPOKEN, SPOKEN_PROTOCOLS, type SpokenName } from '#test/support/spoken-protocols.ts';

const TOKENS = 60;
const BREAK = 40;
/** Longer than a busy machine stalls. */
const IDLE_MS = 1_500;

/** What the second provider does when it has to continue the answer. */
const SECONDS = {
  same: 'says the same',
  prefilled: 'goes on with a text of its own',
  refusing: 'refuses to go on, and says the same',
  other: 'says something else',
} as const;
type SecondName = keyof typeof SECONDS;

const BREAKS = [
  { fault: `cut@${BREAK}`, what: 'is cut', code: 'upstream_stream_cut' },
  { fault: `stall@${BREAK}`, what: 'falls silent', code: 'upstream_idle_timeout' },
  { fault: `malformed@${BREAK}`, what: 'turns into garbage', code: 'upstream_malformed' },
  { fault: `error_event@${BREAK}`, what: 'says that it failed', code: 'upstream' },
] as const;

interface Case {
  title: string;
  client: SpokenName;
  /** The first provider's protocol: the client's own is passed through, another one is translated. */
  vendor: SpokenName;
  second: SecondName;
  fault: string;
}

/** A protocol that the client does not speak. */
const foreign = (client: SpokenName): SpokenName => (client === 'openai-chat' ? 'anthropic-messages' : 'openai-chat');

const CASES: Case[] = SPOKEN.flatMap((client) =>
  [client, foreign(client)].flatMap((vendor) => [
    ...Object.keys(SECONDS).map((second) => caseOf(client, vendor, second as SecondName, BREAKS[0])),
    ...BREAKS.slice(1).map((broken) => caseOf(client, vendor, 'same', broken)),
  ]),
);

function caseOf(
  client: SpokenName,
  vendor: SpokenName,
  second: SecondName,
  { fault, what }: (typeof BREAKS)[number],
): Case {
  const title = `${client}, a stream of ${vendor} that ${what}, a second provider that ${SECONDS[second]}`;
  return { title, client, vendor, second, fault };
}

let first: Simulator;
let seconds: Record<SecondName, Simulator>;
let broker: TestBroker;
let played: Map<Case, Answer>;

beforeAll(async () => {
  const behaviour = { tokens: TOKENS, paceMs: 2 };
  const [broken, same, prefilled, refusing, other] = await Promise.all([
    startSimulator({ ...behaviour, name: 'first' }),
    startSimulator({ ...behaviour, name: 'second' }),
    startSimulator({ ...behaviour, name: 'second', prefill: 'continue' }),
    startSimulator({ ...behaviour, name: 'second', prefill: 'refuse' }),
    startSimulator({ ...behaviour, name: 'second', seed: 7 }),
  ]);
  first = broken;
  seconds = { same, prefilled, refusing, other };
  broker = await startBroker({ configuration: configure() });
  played = new Map(await mapConcurrently(CASES, 8, async (the) => [the, await play(the)] as const));
}, 120_000);
afterAll(async () => {
  await broker?.stop();
  await Promise.all([first, ...Object.values(seconds ?? {})].map((simulator) => simulator?.close()));
});

const firstName = (vendor: SpokenName) => `first-${vendor}`;
const modelOf = ({ vendor, second }: Pick<Case, 'vendor' | 'second'>) => `${vendor}-${second}`;

function configure(): ConfigurationInput {
  const once = { retries: { max: 0 }, circuit: { failures: 10_000 }, timeouts: { idle_ms: IDLE_MS } };
  const providers: NonNullable<ConfigurationInput['providers']> = {};
  const models: NonNullable<ConfigurationInput['models']> = {};
  for (const second of Object.keys(SECONDS) as SecondName[]) {
    const prefill = second === 'prefilled' || second === 'refusing' ? ({ prefill: 'plain' } as const) : {};
    providers[second] = provider(seconds[second], { ...once, ...prefill });
  }
  for (const vendor of SPOKEN) {
    const isOpenai = vendor.startsWith('openai');
    providers[firstName(vendor)] = provider(first, {
      ...once,
      protocols: [vendor],
      base_url: isOpenai ? `${first.url}/v1` : first.url,
    });
    for (const second of Object.keys(SECONDS) as SecondName[]) {
      const model = modelOf({ vendor, second });
      models[model] = {
        deployments: [deployment(firstName(vendor), model), deployment(second, model, { tier: 2 })],
      };
    }
  }
  return { providers, models };
}

const promptOf = ({ client, fault }: Case) => `[[sim on=first fault=${fault}]] Tell ${client} a story.`;

function play(the: Case): Promise<Answer> {
  const model = modelOf(the);
  const spoken = SPOKEN_PROTOCOLS[the.client];
  const body = spoken.body({ model, prompt: promptOf(the), isStream: true });
  return ask(broker.url, { path: spoken.path(model, true), body, headers: { 'x-sluice-deadline-ms': '20000' } });
}

/** The text of the provider’s answer without a fault. */
async function spokenBy(simulator: Simulator, the: Case): Promise<string> {
  const { text } = await ask(simulator.url, { model: modelOf(the), prompt: promptOf(the), stream: true });
  return readSpokenStream('openai-chat', text).text;
}

function billOf(requestId: string): string[] {
  return [first, ...Object.values(seconds)]
    .flatMap(({ bill }) => bill.entries())
    .filter(({ clientRequestId }) => clientRequestId?.startsWith(`${requestId}.`))
    .map(({ clientRequestId, costPicoUsd }) => `${clientRequestId}: ${costPicoUsd}`)
    .sort();
}

const writtenOf = (rows: readonly LedgerRow[]) =>
  rows
    .filter(({ costPicoUsd }) => costPicoUsd > 0n)
    .map(({ requestId, attempt, costPicoUsd }) => `${requestId}.${attempt}: ${costPicoUsd}`)
    .sort();

/** Gemini counts in every event. */
const countedBy = (vendor: SpokenName) => (vendor === 'gemini-generate-content' ? 'settled' : 'estimated');

describe('what the client receives, and what is billed', () => {
  const rescued = CASES.filter(({ second }) => second !== 'other');
  test.each(rescued)('$title: the complete answer', async (the) => {
    const { text, headers, ending } = played.get(the)!;
    const stream = readSpokenStream(the.client, text);
    expect({ ending, error: stream.error, isDone: stream.isDone }).toEqual({
      ending: 'whole',
      error: null,
      isDone: true,
    });
    expect(stream.text).toBe(await spokenBy(seconds.same, the));
    const attempts = the.second === 'refusing' ? 3 : 2;
    expect(stream.mark).toEqual({ rescued: true, attempts });

    const rows = await closedRows(broker, headers['x-request-id']!);
    expect(rows).toHaveLength(attempts);
    expect(rows[0]).toMatchObject({ state: countedBy(the.vendor), outputTokens: BREAK });
    expect(rows.at(-1)).toMatchObject({ state: 'settled', outcome: 'ok' });
    expect(writtenOf(rows)).toEqual(billOf(headers['x-request-id']!));
    const cost = rows.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n);
    expect(stream.cost).toBeCloseTo(Number(cost) / 1e12, 12);
  });

  const differing = CASES.filter(({ second }) => second === 'other');
  test.each(differing)('$title: the beginning, and an error event', async (the) => {
    const { text, headers, ending } = played.get(the)!;
    const stream = readSpokenStream(the.client, text);
    expect({ ending, isDone: stream.isDone }).toEqual({ ending: 'whole', isDone: false });
    expect(stream.error).not.toBeNull();
    expect(stream.text).toBe((await spokenBy(seconds.same, the)).slice(0, BREAK * 4));
    const rows = await closedRows(broker, headers['x-request-id']!);
    expect(rows.map(({ outcome }) => outcome)).toEqual(['upstream_stream_cut', 'upstream_answer_differs']);
    // The provider continued until it noticed the disconnection.
    expect(rows.map(({ state }) => state)).toEqual([countedBy(the.vendor), 'estimated']);
    expect(rows.every(({ costPicoUsd }) => costPicoUsd > 0n)).toBe(true);
  });
});

test('ids of a continued stream count on, from attempt to attempt', () => {
  for (const the of CASES) {
    const { ids } = readSpokenStream(the.client, played.get(the)!.text);
    if (the.client === 'gemini-generate-content') expect(ids).toEqual([]);
    else expect(ids).toEqual([...new Set(ids)].sort(byId));
  }
});

function byId(a: string, b: string): number {
  const [left, right] = [a, b].map((id) => id.split('-').map(Number));
  return left![0]! - right![0]! || left![1]! - right![1]!;
}

test.each(SPOKEN)('%s: a tool call in flight is never continued', async (client) => {
  const model = modelOf({ vendor: client, second: 'same' });
  const spoken = SPOKEN_PROTOCOLS[client];
  const prompt = '[[sim on=first fault=cut@7]] [[sim tool=get_weather]] Call it.';
  const body = spoken.body({ model, prompt, isStream: true, tools: true });
  const answer = await ask(broker.url, { path: spoken.path(model, true), body });
  const { error, isDone } = readSpokenStream(client, answer.text);
  const rows = await closedRows(broker, answer.headers['x-request-id']!);
  // If calls arrive complete (Gemini), nothing of it had been sent: the second provider is called unnoticed.
  if (rows.length > 1)
    expect({ error, isDone, last: rows.at(-1)!.outcome }).toEqual({ error: null, isDone: true, last: 'ok' });
  else expect({ hasError: error !== null, isDone }).toEqual({ hasError: true, isDone: false });
  expect(answer.text.match(/get_weather/g) ?? []).not.toHaveLength(0);
});

test('what happens to the next request: the first provider answers it', async () => {
  const model = modelOf({ vendor: 'openai-chat', second: 'same' });
  const next = await ask(broker.url, { model, stream: true, prompt: 'And then?' });
  expect(next.headers['x-sluice-provider']).toBe('first-openai-chat');
  await booksClosed(broker);
  expect((await ledgerRows(broker)).every(({ state }) => state !== 'unsettled')).toBe(true);
});
