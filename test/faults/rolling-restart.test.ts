// A new version is rolled out during forty streams (200 in `npm run test:long`): replacements first, then SIGTERM to every
// API and worker process in turn. One API process gets less time than its streams need (an orchestrator that kills early): its
// clients continue elsewhere with their keys. No client gets an error. Then an oscillating autoscaler: workers are added and
// removed continuously under load.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker, type TestProcess } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { volume } from '#test/support/runs.ts';
import { SPOKEN, SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';
import { runErrand } from '../../bench/chaos/client.ts';
import type { Errand } from '../../bench/chaos/errand.ts';
import { checkText, type Seen } from '../../bench/chaos/seen.ts';

const STREAMS = volume(40, 200);
/** Sixty tokens in eighteen seconds: longer than the replacement of all processes takes. */
const PACE_MS = 300;
const IMPATIENCE_MS = 1_000;
const SMALL_CALL_EVERY_MS = 100;
const COMINGS_AND_GOINGS = 4;
/** Requested repeatedly by this many clients. */
const CLIENTS = volume(12, 24);

let vendors: Providers;
let broker: TestBroker;
let seen: Seen[];
let small: Answer[];
let left: TestProcess[];
let openWhenReplaced: number;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 80, keptRequests: 0 });
  vendors.primary.change({ paceMs: PACE_MS });
  broker = await startBroker({ configuration: providerConfiguration(vendors), apis: 2, workers: 2 });
  const running = [...broker.apis];
  const urls = () => running.map(({ details }) => String(details.url));
  const streams = Array.from({ length: STREAMS }, (_, index) => openStream(index, urls));
  await vendors.primary.until((stats) => stats.openStreams === STREAMS, 30_000);

  let isOver = false;
  const smallCalls = callMeanwhile(urls, () => isOver);
  left = [...broker.apis, ...broker.workers];
  const leaving = await replaceAll(running);
  openWhenReplaced = vendors.primary.stats().openStreams;
  seen = await Promise.all(streams);
  await Promise.all(leaving);
  isOver = true;
  small = await smallCalls;
}, 120_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const promptOf = (index: number) => `Stream ${index}.`;
/** Those of the API process that is killed early. */
const isKeyed = (index: number) => index % 2 === 0;

function openStream(index: number, urls: () => string[]): Promise<Seen> {
  const protocol = SPOKEN[Math.floor(index / 2) % SPOKEN.length]!;
  const errand: Errand = {
    name: String(index),
    protocol,
    prompt: promptOf(index),
    manner: 'stream',
    key: isKeyed(index) ? `rolling-${index}` : null,
    leavesAfterMs: null,
    dropsAfterMs: null,
    pauseMs: 0,
  };
  const pickApi = (other: string | null) =>
    other === null ? urls()[index % 2]! : (urls().find((url) => url !== other) ?? null);
  return runErrand({ pickApi, key: TEST_KEY, model: 'solo' }, errand);
}

/** Gives, for each process, the end of its leaving. */
async function replaceAll(running: TestProcess[]): Promise<Promise<void>[]> {
  const [early, patient] = [...running];
  running.push(await broker.startApi());
  running.splice(running.indexOf(early!), 1);
  const leaving = [early!.stop()];
  const tooLate = setTimeout(() => early!.child.kill('SIGKILL'), IMPATIENCE_MS);
  await leaving[0];
  clearTimeout(tooLate);

  running.push(await broker.startApi());
  running.splice(running.indexOf(patient!), 1);
  leaving.push(patient!.stop());
  const before = [...broker.workers];
  // Together: a busy machine is slower to start processes than to stream.
  await Promise.all(before.map(() => broker.startWorker()));
  leaving.push(...before.map((worker) => worker.stop()));
  return leaving;
}

async function callMeanwhile(urls: () => string[], isOver: () => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let index = 0; !isOver(); index++) {
    const [api] = urls().slice(-1);
    answers.push(await ask(api!, { prompt: `[[sim pace=0]] Meanwhile ${index}.` }));
    await new Promise((resolve) => setTimeout(resolve, SMALL_CALL_EVERY_MS));
  }
  return answers;
}

test('every process was replaced while the streams ran', () => {
  // All of them on a machine with time to spare; a busy one is slower to start processes than to stream.
  expect(openWhenReplaced).toBeGreaterThan(0);
  const [early, ...others] = left.map(({ child }) => child.exitCode ?? child.signalCode);
  expect(early).toBe('SIGKILL');
  expect(others).toEqual(others.map(() => 0));
});

test('what the clients received: complete answers, each with the provider’s text', async () => {
  for (const [index, one] of seen.entries()) {
    const { text } = await ask(vendors.secondary.url, { prompt: promptOf(index) });
    checkText(one, SPOKEN_PROTOCOLS['openai-chat'].readWhole(text));
    expect({ name: one.errand.name, ending: one.ending, violations: one.violations }).toEqual({
      name: String(index),
      ending: 'whole',
      violations: [],
    });
    expect(one.breaks.length).toBe(isKeyed(index) ? 1 : 0);
    if (isKeyed(index)) expect(one.replayed).toBe(true);
  }
  expect(small.length).toBeGreaterThan(10);
  expect(small.map(({ status }) => status)).toEqual(small.map(() => 200));
});

test('what was billed: one call for each, and no entry is missing', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(vendors.primary.stats().calls).toBe(STREAMS + small.length);
  expect(rows.map(({ attempt, state, outcome }) => `${attempt} ${state} ${outcome}`)).toEqual(
    rows.map(() => '1 settled ok'),
  );
  expect(rows).toHaveLength(STREAMS + small.length);
  expectLedgerEqualsBill(rows, vendors);
});

test('workers start and stop under load: complete answers, one call and one entry for each', {
  timeout: 90_000,
}, async () => {
  await booksClosed(broker);
  const before = { calls: vendors.primary.stats().calls, rows: await ledgerRows(broker) };
  const known = new Set(before.rows.map(({ requestId }) => requestId));
  const url = String(broker.apis.at(-1)!.details.url);
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const answers: { answer: Answer; isStream: boolean }[] = [];
    for (let turn = 0; !isOver; turn++) {
      const isStream = (client + turn) % 2 === 0;
      const prompt = `[[sim pace=10]] Client ${client}, turn ${turn}.`;
      answers.push({ answer: await ask(url, { prompt, stream: isStream }), isStream });
    }
    return answers;
  });
  const leaving: Promise<void>[] = [];
  const there = broker.workers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  for (let round = 0; round < COMINGS_AND_GOINGS; round++) {
    there.push(await broker.startWorker());
    leaving.push(there.shift()!.stop());
  }
  await Promise.all(leaving);
  isOver = true;
  const answers = (await Promise.all(clients)).flat();

  expect(answers.length).toBeGreaterThan(CLIENTS * 2);
  expect(answers.map(({ answer }) => answer.status)).toEqual(answers.map(() => 200));
  const ending = (isStream: boolean) => (isStream ? 'data: [DONE]' : '"finish_reason":"stop"');
  expect(answers.filter(({ answer, isStream }) => !answer.text.includes(ending(isStream)))).toEqual([]);
  await booksClosed(broker);
  const rows = (await ledgerRows(broker)).filter(({ requestId }) => !known.has(requestId));
  expect(vendors.primary.stats().calls - before.calls).toBe(answers.length);
  expect(rows).toHaveLength(answers.length);
  expect(rows.filter(({ attempt, state, outcome }) => `${attempt} ${state} ${outcome}` !== '1 settled ok')).toEqual([]);
  expectLedgerEqualsBill([...before.rows, ...rows], vendors);
});
