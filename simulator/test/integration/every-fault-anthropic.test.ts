// Every fault in Anthropic's protocol, once streamed and once not.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../src/engine/faults/fault-table.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import type { Heard } from './client.ts';
import {
  type Expected,
  inPiecesOf,
  isPartOfJson,
  type Row,
  rehearse,
  WORDLESS_FAULTS,
  withCrlfOnly,
} from './fault-rehearsal.ts';
import { askMessages, message, messageEventsOf, messagesRequest, textOfEvents } from './messages.ts';

/** Tokens of an answer, unless a fault makes it shorter. */
const WHOLE = 8;

/** The same in both forms. */
function alike(text: string, expected: Expected): Row {
  return { text, streamed: expected, whole: expected };
}

/** An error of Anthropic's. */
function refused(text: string, status: number, type: string, check?: Expected['check']): Row {
  return alike(text, {
    status,
    ending: 'whole',
    billed: null,
    check(heard) {
      const requestId = heard.headers['request-id'];
      const error = expect.objectContaining({ type, message: expect.any(String) });
      expect(JSON.parse(heard.text)).toEqual({ type: 'error', error, request_id: requestId });
      check?.(heard);
    },
  });
}

const hasTokens = (count: number) => (heard: Heard) => {
  const events = messageEventsOf(heard.pieces);
  expect(Buffer.byteLength(textOfEvents(events))).toBe(4 * count);
  expect(heard.text).not.toMatch(/content_block_stop|message_delta|message_stop/);
};

const isWholeStream = (heard: Heard) => {
  const events = messageEventsOf(heard.pieces);
  expect(Buffer.byteLength(textOfEvents(events))).toBe(4 * WHOLE);
  expect(events.at(-1)).toEqual({ type: 'message_stop' });
};

const isWholeJson = (heard: Heard) => expect(JSON.parse(heard.text).usage.output_tokens).toBe(WHOLE);

const served: Expected = { status: 200, ending: 'whole', billed: WHOLE };
const unserved = { billed: null } as const;
const isWhole = { streamed: { ...served, check: isWholeStream }, whole: { ...served, check: isWholeJson } };

const OVERLOADED = { type: 'overloaded_error', message: 'Overloaded', details: null };

/** Instead of an answer or at its end. */
const failing: Omit<Row, 'text'> = {
  streamed: {
    status: 200,
    ending: 'whole',
    billed: 3,
    check(heard) {
      expect(messageEventsOf(heard.pieces).at(-1)).toMatchObject({ type: 'error', error: OVERLOADED });
      hasTokens(3)(heard);
    },
  },
  whole: {
    status: 200,
    ending: 'whole',
    billed: null,
    check: ({ text }) => expect(JSON.parse(text)).toMatchObject({ type: 'error', error: OVERLOADED }),
  },
};

const ROWS: Record<FaultName, Row> = {
  ...WORDLESS_FAULTS,
  rate_limited: refused('rate_limited:1500', 429, 'rate_limit_error', ({ headers }) => {
    expect(headers['retry-after']).toBe('2');
  }),
  quota_exhausted: refused('quota_exhausted', 429, 'rate_limit_error', ({ headers, text }) => {
    expect(headers).not.toHaveProperty('retry-after');
    expect(JSON.parse(text).error.details).toEqual({ error_code: 'enforced_spend_limit_reached' });
  }),
  server_error: refused('500', 500, 'api_error'),
  unavailable: refused('503', 503, 'overloaded_error'),
  overloaded: refused('529', 529, 'overloaded_error'),
  bad_request: refused('400', 400, 'invalid_request_error'),
  context_length: refused('context_length', 400, 'invalid_request_error', ({ text }) => {
    expect(JSON.parse(text).error.message).toBe('prompt is too long: 10000 tokens > 8192 maximum');
  }),
  content_filter: {
    text: 'content_filter',
    streamed: {
      ...served,
      ...unserved,
      check({ pieces }) {
        const types = messageEventsOf(pieces).map(({ type }) => type);
        expect(types).toEqual(['message_start', 'ping', 'message_delta', 'message_stop']);
        expect(messageEventsOf(pieces)[2]!.delta).toMatchObject({
          stop_reason: 'refusal',
          stop_details: { type: 'refusal' },
        });
      },
    },
    whole: {
      ...served,
      ...unserved,
      check: ({ text }) =>
        expect(JSON.parse(text)).toMatchObject({ content: [], stop_reason: 'refusal', usage: { output_tokens: 0 } }),
    },
  },
  unauthorized: refused('401', 401, 'authentication_error'),
  model_missing: refused('404', 404, 'not_found_error', ({ text }) =>
    expect(text).toContain('model: claude-sonnet-4-5'),
  ),
  status: refused('402', 402, 'billing_error'),

  slow: { text: 'slow:60', ...isWhole },

  cut: {
    text: 'cut@3',
    streamed: { status: 200, ending: 'broken', billed: 3, check: hasTokens(3) },
    whole: { status: 200, ending: 'broken', billed: 0, check: isPartOfJson },
  },
  end_early: {
    text: 'end_early@3',
    streamed: { ...served, billed: 3, check: hasTokens(3) },
    whole: { ...served, billed: 0, check: isPartOfJson },
  },
  stall: {
    text: 'stall@3',
    streamed: { status: 200, ending: 'broken', billed: 3, check: hasTokens(3), isHeld: true },
    whole: { status: 200, ending: 'broken', billed: 0, check: isPartOfJson, isHeld: true },
  },
  malformed: {
    text: 'malformed@3',
    streamed: {
      ...served,
      billed: 3,
      check: ({ pieces }) => expect(() => messageEventsOf(pieces)).toThrow(SyntaxError),
    },
    whole: { ...served, billed: 0, check: isPartOfJson },
  },
  malformed_once: {
    text: 'malformed_once@3',
    streamed: {
      ...served,
      check({ text }) {
        expect(text.match(/^data: [^\n]*[^}\n]$/gm)).toHaveLength(1);
        expect(text).toMatch(/event: message_stop\n.*\n\n$/);
      },
    },
    whole: isWhole.whole,
  },
  error_event: { text: 'error_event@3', ...failing },
  failed: { text: 'failed@3', ...failing },
  filtered: {
    text: 'filtered@3',
    streamed: {
      ...served,
      billed: 3,
      check({ pieces }) {
        const events = messageEventsOf(pieces);
        expect(Buffer.byteLength(textOfEvents(events))).toBe(12);
        expect(events.at(-2)!.delta).toMatchObject({ stop_reason: 'refusal', stop_details: { type: 'refusal' } });
      },
    },
    whole: { ...served, billed: 3, check: ({ text }) => expect(JSON.parse(text).stop_reason).toBe('refusal') },
  },
  missing_done: {
    text: 'missing_done',
    streamed: {
      ...served,
      check: ({ pieces }) => expect(messageEventsOf(pieces).at(-1)!.delta).toMatchObject({ stop_reason: 'end_turn' }),
    },
    whole: isWhole.whole,
  },
  no_usage: alike('no_usage', { ...served, check: ({ text }) => expect(text).not.toContain('usage') }),
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
        expect(heard.text.match(/^event: ping$/gm)).toHaveLength(WHOLE + 2);
        isWholeStream(heard);
      },
    },
    whole: isWhole.whole,
  },
  crlf: {
    text: 'crlf',
    streamed: {
      ...served,
      check: withCrlfOnly(isWholeStream),
    },
    whole: isWhole.whole,
  },
  dribble: {
    text: 'dribble:3',
    streamed: {
      ...served,
      check: inPiecesOf(3, isWholeStream),
    },
    whole: isWhole.whole,
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
afterAll(() => simulator.close());

beforeEach(() => simulator.bill.clear());

function rehearseFault(text: string, stream: boolean, expected: Expected): Promise<void> {
  const wanted = messagesRequest(message(`Hello. [[sim fault=${text}]]`, { stream }));
  return rehearse({ simulator, wanted, expected, next: messagesRequest(message('Hello.')) });
}

describe.each(FAULT_NAMES)('%s', (name) => {
  const { text, streamed, whole } = ROWS[name];
  test('in a stream', () => rehearseFault(text, true, streamed));
  test('in an answer that is not streamed', () => rehearseFault(text, false, whole));
});

describe('a rate limit announces its wait', () => {
  test.each([
    ['429:2500', '3', undefined],
    ['429:2500:seconds', '3', undefined],
    ['429:2500:milliseconds', undefined, '2500'],
    ['429:2500:date', expect.stringMatching(/GMT$/), undefined],
    ['429:none', undefined, undefined],
  ])('with headers "%s"', async (fault, seconds, milliseconds) => {
    const { headers } = await askMessages(simulator, message(`[[sim fault=${fault}]]`));
    expect(headers['retry-after']).toEqual(seconds);
    expect(headers['retry-after-ms']).toEqual(milliseconds);
  });
});

describe('a refusal as text', () => {
  test('ends the answer, and is billed', async () => {
    const { text } = await askMessages(simulator, message('[[sim refusal=3]]'));
    expect(JSON.parse(text)).toMatchObject({ content: [{ type: 'text' }], stop_reason: 'refusal' });
    expect(simulator.bill.totals().outputTokens).toBe(3);
  });
});
