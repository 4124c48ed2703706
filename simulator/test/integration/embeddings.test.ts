// OpenAI's embeddings: vectors, bounds, bill, and every fault that applies to them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../src/engine/faults/fault-table.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, type Heard } from './client.ts';
import { type Expected, isPartOfJson, type Row, refused, rehearse, WORDLESS_FAULTS } from './fault-rehearsal.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ price: { input: 0.02, cachedInput: 0.01, output: 0 } });
});
beforeEach(() => simulator.bill.clear());
afterAll(() => simulator.close());

const request = (input: unknown, more: object = {}) => ({
  path: '/v1/embeddings',
  body: { model: 'gpt-4o', input, dimensions: 8, ...more },
});

async function embed(input: unknown, more: object = {}) {
  const { text } = await ask(simulator, request(input, more));
  return JSON.parse(text);
}

describe('an answer', () => {
  test('has a vector for every text, in order', async () => {
    const { data, ...rest } = await embed(['one', 'two', 'one']);
    expect(rest).toEqual({ object: 'list', model: 'gpt-4o', usage: { prompt_tokens: 3, total_tokens: 3 } });
    expect(data.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
    expect(data[0]).toEqual({ object: 'embedding', index: 0, embedding: expect.any(Array) });
    expect(data[2].embedding).toEqual(data[0].embedding);
    expect(data[1].embedding).not.toEqual(data[0].embedding);
  });

  test('is the same in both encodings', async () => {
    const [floats, base64] = [await embed('one'), await embed('one', { encoding_format: 'base64' })];
    const bytes = Buffer.from(base64.data[0].embedding, 'base64');
    const numbers = Array.from({ length: 8 }, (_, index) => bytes.readFloatLE(4 * index));
    expect(numbers).toEqual(floats.data[0].embedding);
  });

  test.each([
    ['text-embedding-3-small', 1_536],
    ['text-embedding-3-large', 3_072],
  ])('of %s has %i numbers unless another size is requested', async (model, count) => {
    const { data } = await embed('one', { model, dimensions: undefined });
    expect(data[0].embedding).toHaveLength(count);
  });

  test('accepts tokens instead of text', async () => {
    expect((await embed([1, 2, 3])).usage.prompt_tokens).toBe(3);
    expect((await embed([[1], [2, 3]])).data).toHaveLength(2);
  });
});

describe('the bill', () => {
  test('has the tokens of the prompt, how many were cached, and nothing else', async () => {
    await embed(['Hello. [[sim cached=3]]', 'four']);
    expect(simulator.bill.entries()).toMatchObject([
      {
        usage: { inputTokens: 7, cachedInputTokens: 3, outputTokens: 0 },
        costPicoUsd: 4n * 20_000n + 3n * 10_000n,
        outcome: 'completed',
      },
    ]);
  });

  test('counts towards the limits', async () => {
    const limited = await startSimulator({ tpm: 5 });
    const statuses = [];
    for (const input of ['four', 'four by four by four by', 'four']) {
      statuses.push((await ask(limited, request(input))).status);
    }
    expect(statuses).toEqual([200, 429, 200]);
    expect(limited.stats().peaks.tokensPerMinute).toBe(2);
    await limited.close();
  });
});

describe('the context window', () => {
  test('applies to each text separately', async () => {
    const small = await startSimulator({ contextWindow: 4 });
    expect((await ask(small, request(['twelve bytes', 'twelve bytes']))).status).toBe(200);
    const { status, text } = await ask(small, request(['four', 'sixteen bytes it is']));
    expect({ status, ...JSON.parse(text).error }).toMatchObject({
      status: 400,
      message: expect.stringContaining('maximum context length is 4 tokens, however you requested 5 tokens'),
      code: null,
    });
    await small.close();
  });

  test('does not limit all texts together', async () => {
    const error = JSON.parse((await ask(simulator, request(Array(38).fill('x'.repeat(32_000))))).text).error;
    expect(error).toMatchObject({
      message: 'Requested 304000 tokens, max 300000 tokens per request',
      type: 'max_tokens_per_request',
      code: 'max_tokens_per_request',
    });
    expect((await ask(simulator, request(Array(30).fill('x'.repeat(32_000))))).status).toBe(200);
  });
});

const isWhole = ({ text }: Heard) => expect(JSON.parse(text).data[0].embedding).toHaveLength(8);

const well: Expected = { status: 200, ending: 'whole', billed: 0, check: isWhole };
const broken: Expected = { status: 200, ending: 'whole', billed: 0, check: isPartOfJson };
const failing: Expected = {
  ...broken,
  billed: null,
  check: ({ text }) => expect(JSON.parse(text).error.type).toBe('server_error'),
};

const FAULTS: Record<FaultName, Pick<Row, 'text' | 'whole'>> = {
  ...WORDLESS_FAULTS,
  context_length: refused('context_length', 400, null),
  slow: { text: 'slow:30', whole: well },
  cut: { text: 'cut@3', whole: { ...broken, ending: 'broken' } },
  end_early: { text: 'end_early', whole: broken },
  stall: { text: 'stall', whole: { ...broken, ending: 'broken', isHeld: true } },
  malformed: { text: 'malformed', whole: broken },
  malformed_once: { text: 'malformed_once', whole: well },
  error_event: { text: 'error_event', whole: failing },
  failed: { text: 'failed', whole: failing },
  filtered: { text: 'filtered', whole: well },
  missing_done: { text: 'missing_done', whole: well },
  no_usage: { text: 'no_usage', whole: { ...well, check: ({ text }) => expect(text).not.toContain('usage') } },
  absurd_usage: { text: 'absurd_usage', whole: { ...well, check: ({ text }) => expect(text).toContain('e+30') } },
  comments: {
    text: 'comments',
    whole: {
      ...well,
      check(heard) {
        expect(heard.text).toMatch(/^\s+\{/);
        isWhole(heard);
      },
    },
  },
  crlf: { text: 'crlf', whole: well },
  dribble: {
    text: 'dribble:3',
    whole: {
      ...well,
      check(heard) {
        expect(Math.max(...heard.pieces.map((piece) => piece.length))).toBe(3);
        isWhole(heard);
      },
    },
  },
  giant_event: { text: 'giant_event', whole: well },
};

describe('every fault', () => {
  test.each(FAULT_NAMES)('%s', (name) => {
    const { text, whole } = FAULTS[name];
    const wanted = request(`Hello. [[sim fault=${text}]]`);
    return rehearse({ simulator, wanted, expected: whole, next: request('Hello.') });
  });
});
