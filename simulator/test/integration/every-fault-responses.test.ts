// Every fault in the Responses protocol, once streamed and once not.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../src/engine/faults/fault-table.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, type Heard } from './client.ts';
import {
  type Expected,
  inPiecesOf,
  isPartOfJson,
  type Row,
  refused,
  rehearse,
  WORDLESS_FAULTS,
  withCrlfOnly,
} from './fault-rehearsal.ts';
import { dataOf, responsesEvents, spokenText } from './responses-events.ts';

/** Tokens of an answer, unless a fault makes it shorter. */
const WHOLE = 8;

/** So much of the text, and no end of the answer. */
const hasTokens = (count: number) => (heard: Heard) => {
  const events = responsesEvents(heard.pieces);
  expect(spokenText(events)).toHaveLength(4 * count);
  expect(heard.text).not.toMatch(/^event: response\.(completed|incomplete|output_item\.done)$/m);
};

const lastEvent = ({ pieces }: Heard) => responsesEvents(pieces).at(-1)!;

const isWholeStream = (heard: Heard) => {
  expect(spokenText(responsesEvents(heard.pieces))).toHaveLength(4 * WHOLE);
  expect(lastEvent(heard)).toMatchObject({ type: 'response.completed', response: { usage: { output_tokens: WHOLE } } });
};

const isWholeJson = (heard: Heard) =>
  expect(JSON.parse(heard.text)).toMatchObject({ status: 'completed', usage: { output_tokens: WHOLE } });

const served: Expected = { status: 200, ending: 'whole', billed: WHOLE };
const wellWhole: Expected = { ...served, check: isWholeJson };

const ROWS: Record<FaultName, Row> = {
  ...WORDLESS_FAULTS,
  context_length: refused('context_length', 400, 'context_length_exceeded', ({ text }) => {
    expect(JSON.parse(text).error).toMatchObject({
      param: 'input',
      message: expect.stringContaining('context window'),
    });
  }),
  slow: { text: 'slow:60', streamed: { ...served, check: isWholeStream }, whole: wellWhole },

  cut: {
    text: 'cut@3',
    streamed: { status: 200, ending: 'broken', billed: 3, check: hasTokens(3) },
    whole: { status: 200, ending: 'broken', billed: 0, check: isPartOfJson },
  },
  end_early: {
    text: 'end_early@3',
    streamed: { status: 200, ending: 'whole', billed: 3, check: hasTokens(3) },
    whole: { status: 200, ending: 'whole', billed: 0, check: isPartOfJson },
  },
  stall: {
    text: 'stall@3',
    streamed: { status: 200, ending: 'broken', billed: 3, check: hasTokens(3), isHeld: true },
    whole: { status: 200, ending: 'broken', billed: 0, check: isPartOfJson, isHeld: true },
  },
  malformed: {
    text: 'malformed@3',
    streamed: {
      status: 200,
      ending: 'whole',
      billed: 3,
      check(heard) {
        expect(() => JSON.parse(dataOf(heard.pieces).at(-1)!)).toThrow(SyntaxError);
        hasTokens(3)(heard);
      },
    },
    whole: { status: 200, ending: 'whole', billed: 0, check: isPartOfJson },
  },
  malformed_once: {
    text: 'malformed_once@3',
    streamed: {
      ...served,
      check(heard) {
        expect(dataOf(heard.pieces).filter((data) => !data.endsWith('}'))).toHaveLength(1);
        isWholeStream(heard);
      },
    },
    whole: wellWhole,
  },
  error_event: {
    text: 'error_event@3',
    streamed: {
      status: 200,
      ending: 'whole',
      billed: 3,
      check(heard) {
        expect(lastEvent(heard)).toEqual({
          type: 'error',
          sequence_number: expect.any(Number),
          code: 'server_error',
          message: expect.stringContaining('The server had an error'),
          param: null,
        });
        hasTokens(3)(heard);
      },
    },
    whole: {
      status: 200,
      ending: 'whole',
      billed: null,
      check: ({ text }) => expect(JSON.parse(text).error.type).toBe('server_error'),
    },
  },
  failed: {
    text: 'failed@3',
    streamed: {
      status: 200,
      ending: 'whole',
      billed: 3,
      check(heard) {
        expect(lastEvent(heard)).toMatchObject({
          type: 'response.failed',
          response: { status: 'failed', error: { code: 'server_error' }, usage: null, output: [] },
        });
        hasTokens(3)(heard);
      },
    },
    whole: {
      status: 200,
      ending: 'whole',
      billed: null,
      check: ({ text }) => expect(JSON.parse(text)).toMatchObject({ object: 'response', status: 'failed', output: [] }),
    },
  },
  filtered: {
    text: 'filtered@3',
    streamed: {
      ...served,
      billed: 3,
      check(heard) {
        expect(lastEvent(heard)).toMatchObject({
          type: 'response.incomplete',
          response: { incomplete_details: { reason: 'content_filter' }, usage: { output_tokens: 3 } },
        });
      },
    },
    whole: {
      ...served,
      billed: 3,
      check: ({ text }) => expect(JSON.parse(text).incomplete_details).toEqual({ reason: 'content_filter' }),
    },
  },
  missing_done: {
    text: 'missing_done',
    streamed: { ...served, check: (heard) => expect(lastEvent(heard).type).toBe('response.output_item.done') },
    whole: wellWhole,
  },
  no_usage: {
    text: 'no_usage',
    streamed: { ...served, check: (heard) => expect(lastEvent(heard).response!.usage).toBeNull() },
    whole: { ...served, check: ({ text }) => expect(JSON.parse(text).usage).toBeNull() },
  },
  absurd_usage: {
    text: 'absurd_usage',
    streamed: { ...served, check: ({ text }) => expect(text).toContain('e+308') },
    whole: { ...served, check: ({ text }) => expect(text).toContain('e+308') },
  },

  comments: {
    text: 'comments',
    streamed: {
      ...served,
      check(heard) {
        expect(heard.text.match(/^: /gm)).toHaveLength(WHOLE + 1);
        isWholeStream(heard);
      },
    },
    whole: {
      ...served,
      check(heard) {
        expect(heard.text).toMatch(/^\s+\{/);
        isWholeJson(heard);
      },
    },
  },
  crlf: {
    text: 'crlf',
    streamed: {
      ...served,
      check: withCrlfOnly(isWholeStream),
    },
    whole: wellWhole,
  },
  dribble: {
    text: 'dribble:3',
    streamed: {
      ...served,
      check: inPiecesOf(3, isWholeStream),
    },
    whole: wellWhole,
  },
  giant_event: {
    text: 'giant_event@2:5000',
    streamed: { ...served, check: ({ text }) => expect(text).toMatch(/"padding":"x{4000,}/) },
    whole: { ...served },
  },
};

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: WHOLE });
});
beforeEach(() => simulator.bill.clear());
afterAll(() => simulator.close());

const request = (input: string, more: object = {}) => ({
  path: '/v1/responses',
  body: { model: 'gpt-4o', input, ...more },
});

function rehearseFault(text: string, stream: boolean, expected: Expected): Promise<void> {
  const wanted = request(`Hello. [[sim fault=${text}]]`, { stream });
  return rehearse({ simulator, wanted, expected, next: request('Hello.') });
}

describe.each(FAULT_NAMES)('%s', (name) => {
  const { text, streamed, whole } = ROWS[name];
  test('in a stream', () => rehearseFault(text, true, streamed));
  test('in an answer that is not streamed', () => rehearseFault(text, false, whole));
});

describe('a broken connection', () => {
  test('before the first token: only headers are sent, and the prompt is billed', async () => {
    const heard = await ask(simulator, request('[[sim fault=cut@0]]', { stream: true }));
    expect(heard).toMatchObject({ status: 200, text: '', ending: 'broken' });
    expect(simulator.bill.totals()).toMatchObject({ calls: 1, outputTokens: 0 });
  });

  test('after the last token: the end of the response is missing', async () => {
    const { pieces } = await ask(simulator, request(`[[sim fault=cut@${WHOLE}]]`, { stream: true }));
    expect(responsesEvents(pieces).at(-1)!.type).toBe('response.output_item.done');
  });

  test('before the first token: the response still reports its failure', async () => {
    const failed = await ask(simulator, request('[[sim fault=failed@0]]', { stream: true }));
    expect(responsesEvents(failed.pieces).map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.failed',
    ]);
    const error = await ask(simulator, request('[[sim fault=error_event@0]]', { stream: true }));
    expect(responsesEvents(error.pieces).map(({ type }) => type)).toEqual(['error']);
    expect(simulator.bill.totals().calls).toBe(0);
  });
});
