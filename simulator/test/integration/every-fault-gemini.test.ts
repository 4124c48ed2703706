// Every fault in Gemini's protocol: as events, as one array, and not streamed.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../src/engine/faults/fault-table.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import type { Heard } from './client.ts';
import {
  askContents,
  content,
  contentsRequest,
  type Delivery,
  type Response,
  responsesOf,
  textOfResponses,
} from './contents.ts';
import {
  type Expected,
  inPiecesOf,
  isPartOfJson,
  type Row,
  rehearse,
  WORDLESS_FAULTS,
  withCrlfOnly,
} from './fault-rehearsal.ts';

/** Tokens of an answer, unless a fault makes it shorter. */
const WHOLE = 8;

/** The same in both forms. */
function alike(text: string, expected: Expected): Row {
  return { text, streamed: expected, whole: expected };
}

/** An error of Google's. */
function refused(
  text: string,
  code: number,
  status: string,
  check?: (error: Response['error'], heard: Heard) => void,
): Row {
  return alike(text, {
    status: code,
    ending: 'whole',
    billed: null,
    check(heard) {
      const { error } = JSON.parse(heard.text) as Response;
      expect(error).toMatchObject({ code, status, message: expect.any(String) });
      check?.(error, heard);
    },
  });
}

function detailOf(error: Response['error'], type: string) {
  return error?.details?.find((detail) => detail['@type'] === `type.googleapis.com/google.rpc.${type}`);
}

const hasTokens = (count: number) => (heard: Heard) => {
  const responses = responsesOf(heard.pieces);
  expect(Buffer.byteLength(textOfResponses(responses))).toBe(4 * count);
  expect(responses.at(-1)!.usageMetadata).toMatchObject({ candidatesTokenCount: count });
  expect(heard.text).not.toContain('finishReason');
};

const isWholeStream = (heard: Heard) => {
  const responses = responsesOf(heard.pieces);
  expect(Buffer.byteLength(textOfResponses(responses))).toBe(4 * WHOLE);
  expect(responses.at(-1)!.candidates![0]!.finishReason).toBe('STOP');
};

const isWholeJson = (heard: Heard) => expect(JSON.parse(heard.text).usageMetadata.candidatesTokenCount).toBe(WHOLE);

const served: Expected = { status: 200, ending: 'whole', billed: WHOLE };
const free: Expected = { status: 200, ending: 'whole', billed: null };
const isWhole = { streamed: { ...served, check: isWholeStream }, whole: { ...served, check: isWholeJson } };

const ROWS: Record<FaultName, Row> = {
  ...WORDLESS_FAULTS,
  rate_limited: refused('rate_limited:1500', 429, 'RESOURCE_EXHAUSTED', (error) => {
    expect(detailOf(error, 'RetryInfo')).toMatchObject({ retryDelay: '1.5s' });
    expect(JSON.stringify(detailOf(error, 'QuotaFailure'))).toContain('PerMinute');
  }),
  quota_exhausted: refused('quota_exhausted', 429, 'RESOURCE_EXHAUSTED', (error) => {
    expect(JSON.stringify(detailOf(error, 'QuotaFailure'))).toContain('PerDay');
    expect(detailOf(error, 'RetryInfo')).toBeDefined();
  }),
  server_error: refused('500', 500, 'INTERNAL'),
  unavailable: refused('503', 503, 'UNAVAILABLE'),
  overloaded: refused('529', 503, 'UNAVAILABLE'),
  bad_request: refused('400', 400, 'INVALID_ARGUMENT', (error) => expect(detailOf(error, 'BadRequest')).toBeDefined()),
  context_length: refused('context_length', 400, 'INVALID_ARGUMENT', (error) => {
    expect(error!.message).toBe('The input token count (10000) exceeds the maximum number of tokens allowed (8192).');
  }),
  content_filter: {
    text: 'content_filter',
    streamed: {
      ...free,
      billed: 0,
      check: ({ pieces }) => expect(responsesOf(pieces)).toMatchObject([{ promptFeedback: { blockReason: 'SAFETY' } }]),
    },
    whole: {
      ...free,
      billed: 0,
      check({ text }) {
        expect(JSON.parse(text)).toMatchObject({ promptFeedback: { blockReason: 'SAFETY' } });
        expect(text).not.toContain('candidates');
      },
    },
  },
  unauthorized: refused('401', 400, 'INVALID_ARGUMENT', (error) => {
    expect(detailOf(error, 'ErrorInfo')).toMatchObject({ reason: 'API_KEY_INVALID' });
  }),
  model_missing: refused('404', 404, 'NOT_FOUND', (error) => {
    expect(error!.message).toContain('models/gemini-2.0-flash is not found for API version v1beta');
  }),
  status: refused('504', 504, 'DEADLINE_EXCEEDED'),

  slow: { text: 'slow:60', ...isWhole },

  cut: {
    text: 'cut@3',
    streamed: { status: 200, ending: 'broken', billed: 3, check: hasTokens(3) },
    whole: { status: 200, ending: 'broken', billed: 0, check: isPartOfJson },
  },
  end_early: {
    text: 'end_early@3',
    streamed: { ...served, billed: 3, check: hasTokens(3) },
    whole: { ...free, billed: 0, check: isPartOfJson },
  },
  stall: {
    text: 'stall@3',
    streamed: { status: 200, ending: 'broken', billed: 3, check: hasTokens(3), isHeld: true },
    whole: { status: 200, ending: 'broken', billed: 0, check: isPartOfJson, isHeld: true },
  },
  malformed: {
    text: 'malformed@3',
    streamed: { ...served, billed: 3, check: ({ pieces }) => expect(() => responsesOf(pieces)).toThrow(SyntaxError) },
    whole: { ...free, billed: 0, check: isPartOfJson },
  },
  malformed_once: {
    text: 'malformed_once@3',
    streamed: {
      ...served,
      check({ text }) {
        expect(text.match(/^data: [^\r\n]*[^}\r\n]\r$/gm)).toHaveLength(1);
        expect(text).toContain('"finishReason":"STOP"');
      },
    },
    whole: isWhole.whole,
  },
  error_event: {
    text: 'error_event@3',
    streamed: {
      ...served,
      billed: 3,
      check(heard) {
        hasTokens(3)(heard);
        const bare = heard.text.slice(heard.text.lastIndexOf('\r\n\r\n'));
        expect(JSON.parse(bare).error).toMatchObject({ code: 503, status: 'UNAVAILABLE' });
      },
    },
    whole: { ...free, check: ({ text }) => expect(JSON.parse(text).error.status).toBe('UNAVAILABLE') },
  },
  failed: {
    text: 'failed@3',
    streamed: {
      ...served,
      billed: 3,
      check: ({ pieces }) => expect(responsesOf(pieces).at(-1)!.candidates![0]!.finishReason).toBe('OTHER'),
    },
    whole: { ...free, check: ({ text }) => expect(JSON.parse(text).candidates[0].finishReason).toBe('OTHER') },
  },
  filtered: {
    text: 'filtered@3',
    streamed: {
      ...served,
      billed: 3,
      check({ pieces }) {
        const responses = responsesOf(pieces);
        expect(Buffer.byteLength(textOfResponses(responses))).toBe(12);
        const [candidate] = responses.at(-1)!.candidates!;
        expect(candidate).toMatchObject({ finishReason: 'SAFETY', safetyRatings: expect.any(Array) });
        expect(candidate).not.toHaveProperty('content');
      },
    },
    whole: {
      ...served,
      billed: 3,
      check: ({ text }) => expect(JSON.parse(text).candidates[0].finishReason).toBe('SAFETY'),
    },
  },
  missing_done: { text: 'missing_done', ...isWhole },
  no_usage: alike('no_usage', { ...served, check: ({ text }) => expect(text).not.toContain('usageMetadata') }),
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
beforeEach(() => simulator.bill.clear());
afterAll(() => simulator.close());

function rehearseFault(text: string, delivery: Delivery, expected: Expected): Promise<void> {
  const wanted = contentsRequest(content(`Hello. [[sim fault=${text}]]`), delivery);
  return rehearse({ simulator, wanted, expected, next: contentsRequest(content('Hello.')) });
}

describe.each(FAULT_NAMES)('%s', (name) => {
  const { text, streamed, whole } = ROWS[name];
  test('in events', () => rehearseFault(text, 'sse', streamed));
  test('in an answer that is not streamed', () => rehearseFault(text, 'unary', whole));
});

describe('a stream as an array', () => {
  const heardOf = (fault: string) => askContents(simulator, content(`[[sim fault=${fault}]]`), 'array');

  test('a broken connection leaves it unterminated', async () => {
    for (const fault of ['cut@3', 'end_early@3', 'missing_done', 'malformed@3', 'malformed_once@3']) {
      isPartOfJson(await heardOf(fault));
    }
    expect(simulator.bill.entries().map(({ usage }) => usage.outputTokens)).toEqual([3, 3, WHOLE, 3, WHOLE]);
  });

  test('an error is the last element', async () => {
    const responses = JSON.parse((await heardOf('error_event@3')).text) as Response[];
    expect(textOfResponses(responses)).toHaveLength(12);
    expect(responses.at(-1)!.error!.status).toBe('UNAVAILABLE');
  });

  test('an error before the answer is the only element', async () => {
    const heard = await heardOf('503');
    expect(heard.status).toBe(503);
    expect(JSON.parse(heard.text)).toEqual([{ error: expect.objectContaining({ status: 'UNAVAILABLE' }) }]);
  });

  test('a blocked prompt is the only element', async () => {
    expect(JSON.parse((await heardOf('content_filter')).text)).toMatchObject([{ promptFeedback: {} }]);
  });

  test.each(['comments', 'crlf', 'dribble:1'])('%s does no harm', async (fault) => {
    expect(textOfResponses(JSON.parse((await heardOf(fault)).text))).toHaveLength(4 * WHOLE);
  });
});

describe('a rate limit announces its wait', () => {
  test.each([
    ['429:2500', '2.5s', undefined],
    ['429:2500:milliseconds', '2.5s', undefined],
    ['429:2500:seconds', '3s', undefined],
    ['429:2500:date', undefined, expect.stringMatching(/GMT$/)],
    ['429:none', undefined, undefined],
  ])('with headers "%s"', async (fault, delay, header) => {
    const { headers, text } = await askContents(simulator, content(`[[sim fault=${fault}]]`));
    expect(detailOf(JSON.parse(text).error, 'RetryInfo')?.retryDelay).toBe(delay);
    expect(headers['retry-after']).toEqual(header);
    expect(headers).not.toHaveProperty('retry-after-ms');
  });
});
