// Every fault, once streamed and once not: what the client receives, what is billed, and that the next call works.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../src/engine/faults/fault-table.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { chunksOf, contentOf, eventsOf } from './chat-events.ts';
import { ask, chat, type Heard } from './client.ts';
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

/** Tokens of an answer, unless a fault makes it shorter. */
const WHOLE = 8;

const hasTokens = (count: number) => (heard: Heard) => {
  const content = contentOf(chunksOf(heard.pieces));
  expect(Buffer.byteLength(content)).toBe(4 * count);
  expect(eventsOf(heard.pieces)).not.toContain('[DONE]');
  expect(heard.text).not.toContain('"finish_reason":"');
};

const isWholeStream = (heard: Heard) => {
  const chunks = chunksOf(heard.pieces);
  expect(Buffer.byteLength(contentOf(chunks))).toBe(4 * WHOLE);
  expect(eventsOf(heard.pieces).at(-1)).toBe('[DONE]');
};

const isWholeJson = (heard: Heard) => expect(JSON.parse(heard.text).usage.completion_tokens).toBe(WHOLE);

const served: Expected = { status: 200, ending: 'whole', billed: WHOLE };

const ROWS: Record<FaultName, Row> = {
  ...WORDLESS_FAULTS,
  context_length: refused('context_length', 400, 'context_length_exceeded'),
  slow: {
    text: 'slow:60',
    streamed: { ...served, check: isWholeStream },
    whole: { ...served, check: isWholeJson },
  },

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
      check({ pieces }) {
        expect(() => JSON.parse(eventsOf(pieces).at(-1)!)).toThrow(SyntaxError);
      },
    },
    whole: { status: 200, ending: 'whole', billed: 0, check: isPartOfJson },
  },
  malformed_once: {
    text: 'malformed_once@3',
    streamed: {
      ...served,
      check({ pieces }) {
        const events = eventsOf(pieces);
        expect(events.filter((data) => data !== '[DONE]' && !data.endsWith('}'))).toHaveLength(1);
        expect(events.at(-1)).toBe('[DONE]');
      },
    },
    whole: { ...served, check: isWholeJson },
  },
  error_event: {
    text: 'error_event@3',
    streamed: {
      status: 200,
      ending: 'whole',
      billed: 3,
      check(heard) {
        expect(chunksOf(heard.pieces).at(-1)!.error).toMatchObject({ type: 'server_error' });
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
  // A chat answer cannot report its own failure: it has an error instead.
  failed: {
    text: 'failed@3',
    streamed: {
      status: 200,
      ending: 'whole',
      billed: 3,
      check(heard) {
        expect(chunksOf(heard.pieces).at(-1)!.error).toMatchObject({ type: 'server_error' });
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
  filtered: {
    text: 'filtered@3',
    streamed: {
      ...served,
      billed: 3,
      check({ pieces }) {
        const chunks = chunksOf(pieces);
        expect(Buffer.byteLength(contentOf(chunks))).toBe(12);
        expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('content_filter');
      },
    },
    whole: {
      ...served,
      billed: 3,
      check: ({ text }) => expect(JSON.parse(text).choices[0].finish_reason).toBe('content_filter'),
    },
  },
  missing_done: {
    text: 'missing_done',
    streamed: {
      ...served,
      check({ pieces }) {
        expect(eventsOf(pieces)).not.toContain('[DONE]');
        expect(chunksOf(pieces).at(-1)!.choices[0]!.finish_reason).toBe('stop');
      },
    },
    whole: { ...served, check: isWholeJson },
  },
  no_usage: {
    text: 'no_usage',
    streamed: { ...served, check: ({ text }) => expect(text).not.toContain('usage') },
    whole: { ...served, check: ({ text }) => expect(text).not.toContain('usage') },
  },
  absurd_usage: {
    text: 'absurd_usage',
    // A stream has usage only for clients that request it.
    streamed: { ...served, check: isWholeStream },
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
    whole: { ...served, check: isWholeJson },
  },
  dribble: {
    text: 'dribble:3',
    streamed: {
      ...served,
      check: inPiecesOf(3, isWholeStream),
    },
    whole: {
      ...served,
      check: inPiecesOf(3, isWholeJson),
    },
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

function rehearseFault(text: string, isStream: boolean, expected: Expected): Promise<void> {
  const wanted = { body: chat(`Hello. [[sim fault=${text}]]`, { stream: isStream }) };
  return rehearse({ simulator, wanted, expected, next: { body: chat('Hello.') } });
}

describe.each(FAULT_NAMES)('%s', (name) => {
  const { text, streamed, whole } = ROWS[name];
  test('in a stream', () => rehearseFault(text, true, streamed));
  test('in an answer that is not streamed', () => rehearseFault(text, false, whole));
});

describe('a broken connection', () => {
  test('after more tokens than the answer has: never happens', async () => {
    const heard = await ask(simulator, { body: chat(`[[sim fault=cut@${WHOLE + 1}]]`, { stream: true }) });
    expect(eventsOf(heard.pieces).at(-1)).toBe('[DONE]');
  });

  test('after the last token: the end is missing', async () => {
    const heard = await ask(simulator, { body: chat(`[[sim fault=cut@${WHOLE}]]`, { stream: true }) });
    hasTokens(WHOLE)(heard);
  });

  test('before the first token: only headers are sent, and the prompt is billed', async () => {
    const heard = await ask(simulator, { body: chat('[[sim fault=cut@0]]', { stream: true }) });
    expect(heard).toMatchObject({ status: 200, text: '', ending: 'broken' });
    expect(simulator.bill.totals()).toMatchObject({ calls: 1, outputTokens: 0 });
  });

  test('happens at the same token, however fast the answer is', async () => {
    const heard = await ask(simulator, { body: chat('[[sim fault=cut@3 pace=5 first=10]]', { stream: true }) });
    hasTokens(3)(heard);
  });
});

describe('a rate limit announces its wait', () => {
  test.each([
    ['429:2500', '3', '2500', true],
    ['429:2500:seconds', '3', undefined, true],
    ['429:2500:milliseconds', undefined, '2500', true],
    ['429:2500:date', expect.stringMatching(/GMT$/), undefined, true],
    ['429:none', undefined, undefined, false],
  ])('with headers "%s"', async (fault, seconds, milliseconds, isInMessage) => {
    const { headers, text } = await ask(simulator, { body: chat(`[[sim fault=${fault}]]`) });
    expect(headers['retry-after']).toEqual(seconds);
    expect(headers['retry-after-ms']).toEqual(milliseconds);
    expect(text.includes('Please try again in 2.5s.')).toBe(isInMessage);
  });
});

describe('several faults at once', () => {
  test('give the same answer to a client that parses correctly', async () => {
    const plain = await ask(simulator, { body: chat('Reply with exactly: grüße 🙂 end', { stream: true }) });
    const content = 'Reply with exactly: grüße 🙂 end [[sim fault=comments,crlf,dribble:1 pace=1]]';
    const twisted = await ask(simulator, { body: chat(content, { stream: true }) });
    expect(contentOf(chunksOf(twisted.pieces))).toBe('grüße 🙂 end');
    expect(contentOf(chunksOf(plain.pieces))).toBe('grüße 🙂 end');
  });

  test('can end with a broken connection', async () => {
    const heard = await ask(simulator, { body: chat('[[sim fault=comments,dribble:2,cut@2]]', { stream: true }) });
    expect(heard.ending).toBe('broken');
    expect(Buffer.byteLength(contentOf(chunksOf(heard.pieces)))).toBe(8);
  });
});
