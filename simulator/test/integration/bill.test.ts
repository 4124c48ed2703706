// The bill: what was served, to the token, for every way in which a call can end.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Usage } from '../../../src/contracts/usage.ts';
import { readChatRequest } from '../../../src/protocols/openai-chat/request/read-request.ts';
import { ChatStreamRelay } from '../../../src/protocols/openai-chat/stream/relay-stream.ts';
import { BYTES_PER_TOKEN } from '../../../src/protocols/providers/token-estimate.ts';
import { SseSplitter } from '../../../src/protocols/wire/sse-splitter.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { chunksOf, contentOf } from './chat-events.ts';
import { ask, chat, openRequest } from './client.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ tokens: 20, price: { input: 2, cachedInput: 1, output: 8 } });
});
afterEach(() => simulator.close());

/** Far more than the buffers between two sockets hold. */
const MANY_TOKENS = 500_000;
/** A stream without a pace sends 256 tokens in a turn of the event loop: enough turns to send them all. */
const TURNS_FOR_MANY_TOKENS = 3_000;

const hasTokens = (count: number) => (text: string) => (text.match(/"content":"[^"]/g)?.length ?? 0) >= count;

describe('an entry', () => {
  test('has the ids of both sides, the model and the cost', async () => {
    const { headers } = await ask(simulator, {
      body: chat('[[sim cached=4]]'),
      headers: { 'x-client-request-id': 'req_7.1' },
    });
    expect(simulator.bill.entries()).toEqual([
      {
        sequence: 1,
        atMs: expect.any(Number),
        providerRequestId: headers['x-request-id'],
        clientRequestId: 'req_7.1',
        model: 'gpt-4o',
        protocol: 'openai-chat',
        keyDigest: null,
        usage: {
          inputTokens: 12,
          cachedInputTokens: 4,
          cacheWriteTokens: 0,
          outputTokens: 20,
          reasoningTokens: 0,
          isEstimated: false,
        },
        costPicoUsd: 8n * 2_000_000n + 4n * 1_000_000n + 20n * 8_000_000n,
        outcome: 'completed',
      },
    ]);
  });

  test('uses the price of its model', async () => {
    simulator.change({ modelPrices: { 'gpt-4o': { input: 0, output: 1 } } });
    await ask(simulator, { body: chat('Hello.') });
    expect(simulator.bill.totals().costPicoUsd).toBe(20_000_000n);
  });

  test('exists before the client has the answer', async () => {
    for (const stream of [true, false]) {
      await ask(simulator, { body: chat('Hello.', { stream }) });
      await ask(simulator, { body: chat('[[sim fault=cut@3]]', { stream: true }) });
    }
    expect(simulator.bill.entries().map(({ outcome }) => outcome)).toEqual([
      'completed',
      'broken',
      'completed',
      'broken',
    ]);
  });
});

describe('a client that disconnects', () => {
  test('ends the stream at once and pays for what was sent', async () => {
    const open = openRequest(simulator, { body: chat('[[sim tokens=1000 pace=5]]', { stream: true }) });
    await open.received(hasTokens(5));
    open.abort();
    await simulator.until(({ openStreams }) => openStreams === 0);
    const { pieces } = await open.heard;
    const heardTokens = Buffer.byteLength(contentOf(chunksOf(pieces))) / BYTES_PER_TOKEN;
    const [entry] = simulator.bill.entries();
    expect(entry!.outcome).toBe('aborted');
    expect(entry!.usage.outputTokens).toBeGreaterThanOrEqual(heardTokens);
    expect(entry!.usage.outputTokens).toBeLessThan(100);
    expect(simulator.stats()).toMatchObject({ inFlight: 0, outcomes: { aborted: 1 } });
  });

  test('before the first token pays for its prompt', async () => {
    for (const stream of [true, false]) {
      const open = openRequest(simulator, { body: chat('[[sim first=60000]]', { stream }) });
      await simulator.until(({ inFlight }) => inFlight === 1);
      open.abort();
      await simulator.until(({ inFlight }) => inFlight === 0);
    }
    expect(simulator.bill.totals()).toMatchObject({ calls: 2, outputTokens: 0 });
    expect(simulator.bill.totals().inputTokens).toBeGreaterThan(0);
    expect(simulator.stats().outcomes.aborted).toBe(2);
  });

  test('while it reads nothing pays for what was sent, which is bounded', async () => {
    simulator.change({ contextWindow: 2_000_000 });
    const response = await fetch(`${simulator.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(chat(`[[sim tokens=${MANY_TOKENS}]]`, { stream: true })),
    });
    for (let turn = 0; turn < TURNS_FOR_MANY_TOKENS; turn++) await setImmediate();
    await response.body!.cancel();
    await simulator.until(({ inFlight }) => inFlight === 0);
    expect(simulator.bill.entries()).toMatchObject([{ outcome: 'aborted' }]);
    expect(simulator.bill.totals().outputTokens).toBeLessThan(MANY_TOKENS / 5);
  });
});

describe('a stream that is cut', () => {
  /** What the broker writes into its ledger if the provider reports no token counts. */
  function estimate(pieces: readonly Buffer[], inputTokens: number): Usage {
    const relay = new ChatStreamRelay({
      usageDelivery: 'own-event',
      choices: 1,
      estimatedInputTokens: inputTokens,
      priceUsage: () => ({ cost: '0', charge: '0' }),
    });
    const splitter = new SseSplitter();
    for (const event of pieces.flatMap((piece) => splitter.push(piece))) relay.accept(event);
    return relay.usage();
  }

  const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { properties: { city: {} } } } }];

  test.each([
    ['words', {}, 'Hello.'],
    ['several choices', { n: 3 }, 'Hello.'],
    ['a tool call', { tools }, 'weather'],
    ['two tool calls', { tools }, '[[sim tool=get_weather,get_weather]]'],
    ['other alphabets', {}, 'Reply with exactly: Schöne Grüße aus Köln 🙂🙂🙂, 你好世界'],
    ['shown reasoning', {}, '[[sim reasoning=4 thoughts=shown]]'],
  ])('of %s costs what the broker estimates, wherever it is cut', async (_, more, content) => {
    for (const cut of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
      simulator.faults.replace([`cut@${cut}`]);
      const body = chat(content, { ...more, stream: true });
      const { pieces, ending } = await ask(simulator, { body });
      if (ending === 'whole') break;
      const facts = readChatRequest(body, { path: '/v1/chat/completions', query: {} });
      if (!('estimatedInputTokens' in facts)) throw new Error('the broker refuses this request');
      const { usage } = simulator.bill.entries().at(-1)!;
      const counts = { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens };
      expect(estimate(pieces, facts.estimatedInputTokens)).toMatchObject(counts);
    }
  });
});

describe('totals', () => {
  test('are the sums of the entries', async () => {
    const contents = ['Hello.', '[[sim reasoning=5 cached=3]]', '[[sim fault=cut@7]]', '[[sim fault=500]]', 'Bye.'];
    await Promise.all(contents.map((content) => ask(simulator, { body: chat(content, { stream: true }) })));
    const entries = simulator.bill.entries();
    const sum = (of: (usage: (typeof entries)[number]['usage']) => number) =>
      entries.reduce((total, { usage }) => total + of(usage), 0);
    expect(simulator.bill.totals()).toEqual({
      calls: 4,
      inputTokens: sum(({ inputTokens }) => inputTokens),
      cachedInputTokens: 3,
      outputTokens: 20 + 25 + 7 + 20,
      reasoningTokens: 5,
      costPicoUsd: entries.reduce((total, { costPicoUsd }) => total + costPicoUsd, 0n),
    });
  });
});
