// What a fault is expected to do, and the rehearsal of it: the same three questions for every protocol. What did the client
// receive, what was billed, and is the next call well?
import { expect } from 'vitest';
import { NO_USAGE } from '../../../src/contracts/usage.ts';
import type { Simulator } from '../../src/simulator.ts';
import { ask, type Heard, openRequest, type Wanted } from './client.ts';

export interface Expected {
  /** Null: the connection ended before a status. */
  status: number | null;
  ending: Heard['ending'];
  /** Output tokens on the bill; null: nothing was billed. */
  billed: number | null;
  check?: (heard: Heard) => void;
  /** The simulator never ends the call: the client disconnects after this many tokens. */
  isHeld?: true;
}

export interface Row {
  text: string;
  streamed: Expected;
  whole: Expected;
}

/** An error of OpenAI's, in both forms. */
export function refused(text: string, status: number, code: string | null, check?: Expected['check']): Row {
  const expected: Expected = {
    status,
    ending: 'whole',
    billed: null,
    check(heard) {
      expect(JSON.parse(heard.text)).toEqual({
        error: { message: expect.any(String), type: expect.any(String), param: expect.toSatisfy(isParam), code },
      });
      check?.(heard);
    },
  };
  return { text, streamed: expected, whole: expected };
}

function isParam(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

/**
 * Broken in the same way streamed and unstreamed, with nothing served: its prompt is billed, unless the status reports a
 * failure.
 */
export function unserved(text: string, expected: Omit<Expected, 'billed'>): Row {
  const billed = expected.status === null || expected.status < 300 ? 0 : null;
  return { text, streamed: { ...expected, billed }, whole: { ...expected, billed } };
}

/** In pieces of so many bytes at most, and else as `isWell` has it. */
export function inPiecesOf(bytes: number, isWell: (heard: Heard) => void): (heard: Heard) => void {
  return (heard) => {
    expect(Math.max(...heard.pieces.map((piece) => piece.length))).toBe(bytes);
    isWell(heard);
  };
}

/** CR and LF never occur alone; otherwise the same as `isWell`. */
export function withCrlfOnly(isWell: (heard: Heard) => void): (heard: Heard) => void {
  return (heard) => {
    expect(heard.text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    isWell(heard);
  };
}

export const isPartOfJson = (heard: Heard) => expect(() => JSON.parse(heard.text)).toThrow(SyntaxError);

/** Faults that are the same in every protocol, because they are not part of its messages. */
export const WORDLESS_FAULTS = {
  rate_limited: refused('rate_limited:1500', 429, 'rate_limit_exceeded', ({ headers }) => {
    expect(headers).toMatchObject({ 'retry-after': '2', 'retry-after-ms': '1500' });
  }),
  quota_exhausted: refused('quota_exhausted', 429, 'insufficient_quota', ({ headers, text }) => {
    expect(headers).not.toHaveProperty('retry-after');
    expect(JSON.parse(text).error.type).toBe('insufficient_quota');
  }),
  server_error: refused('500', 500, null),
  unavailable: refused('503', 503, 'server_is_overloaded'),
  overloaded: refused('529', 529, null),
  bad_request: refused('400', 400, 'invalid_value'),
  content_filter: refused('content_filter', 400, 'content_filter'),
  unauthorized: refused('401', 401, 'invalid_api_key'),
  model_missing: refused('404', 404, 'model_not_found', ({ text }) => expect(text).toContain('`gpt-4o`')),
  status: refused('451', 451, null),

  reset: unserved('reset', { status: null, ending: 'broken' }),
  silence: unserved('silence', { status: null, ending: 'broken', isHeld: true }),
  reset_after_headers: unserved('reset_after_headers', {
    status: 200,
    ending: 'broken',
    check: ({ text }) => expect(text).toBe(''),
  }),

  empty: unserved('empty', { status: 200, ending: 'whole', check: ({ text }) => expect(text).toBe('') }),
  garbage: unserved('garbage', {
    status: 200,
    ending: 'whole',
    check(heard) {
      expect(heard.headers['content-type']).toBe('application/json');
      isPartOfJson(heard);
    },
  }),
  wrong_type: unserved('wrong_type', {
    status: 200,
    ending: 'whole',
    check: ({ headers }) => expect(headers['content-type']).toBe('text/plain'),
  }),
  html: unserved('html', {
    status: 502,
    ending: 'whole',
    check({ headers, text }) {
      expect(headers['content-type']).toBe('text/html');
      expect(text).toContain('502 Bad Gateway');
    },
  }),
} satisfies Record<string, Row>;

export interface Rehearsal {
  simulator: Simulator;
  /** With the fault in its prompt. */
  wanted: Wanted;
  expected: Expected;
  /** A call without faults. */
  next: Wanted;
}

/** The bill is to be empty before. */
export async function rehearse({ simulator, wanted, expected, next }: Rehearsal): Promise<void> {
  const heard = await hear(simulator, wanted, expected);
  await simulator.until(({ inFlight }) => inFlight === 0);
  expect(heard).toMatchObject({ status: expected.status, ending: expected.ending });
  expected.check?.(heard);
  const usages = simulator.bill.entries().map(({ usage }) => usage);
  const usage = { ...NO_USAGE, inputTokens: expect.any(Number), outputTokens: expected.billed };
  expect(usages).toEqual(expected.billed === null ? [] : [usage]);
  expect(await ask(simulator, next)).toMatchObject({ status: 200, ending: 'whole' });
}

/** What the client received; it disconnects from a call that is held open as soon as it has received everything. */
async function hear(simulator: Simulator, wanted: Wanted, { isHeld, status }: Expected): Promise<Heard> {
  const open = openRequest(simulator, wanted);
  if (isHeld) {
    if (status === null) {
      await simulator.until(({ inFlight, faults }) => inFlight === 1 && faults.silence !== undefined);
    } else await open.received((text) => text !== '');
    open.abort();
  }
  return open.heard;
}
