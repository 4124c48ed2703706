// The result of one errand, from its client's point of view.
import { type HeardStream, readSpokenStream, SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';
import type { Errand } from './errand.ts';

export interface Seen {
  errand: Errand;
  /** From the last exchange that had one. */
  requestId: string | null;
  /** All of its requests that the broker accepted: a client without an idempotency key may have had to send several. */
  accepted: Set<string>;
  /**
   * `whole`: a complete answer. `error event`: a part of it, then an error event. `failure`: an error status. `lost`: the
   * connection broke, with no way to return to the request. `left`: the client disconnected. `stuck`: time limit exceeded.
   */
  ending: 'whole' | 'error event' | 'failure' | 'lost' | 'left' | 'stuck';
  /** Text of the answer without comments. */
  raw: string;
  failure: string | null;
  /** Where and when its connections broke; each must be explained by a kill. */
  breaks: { api: string; atMs: number }[];
  resumed: number;
  replayed: boolean;
  rescued: boolean;
  violations: string[];
  startedAtMs: number;
}

export function beginSeen(errand: Errand): Seen {
  return {
    errand,
    requestId: null,
    accepted: new Set(),
    ending: 'stuck',
    raw: '',
    failure: null,
    breaks: [],
    resumed: 0,
    replayed: false,
    rescued: false,
    violations: [],
    startedAtMs: Date.now(),
  };
}

export function heardOf({ errand, raw }: Seen): HeardStream {
  return readSpokenStream(errand.protocol, raw);
}

/** Checks that the answer's text is the provider's answer to this prompt or, for a broken answer, a prefix of it. */
export function checkText(seen: Seen, expected: string): void {
  const { errand, ending, raw, violations } = seen;
  if (errand.manner === 'stream') {
    const { text } = heardOf(seen);
    if (ending === 'whole' && text !== expected) violations.push(`other text: ${sample(text, expected)}`);
    if (!expected.startsWith(text)) violations.push(`not the beginning of the answer: ${sample(text, expected)}`);
  } else if (ending === 'whole') {
    const text = SPOKEN_PROTOCOLS[errand.protocol].readWhole(raw);
    if (text !== expected) violations.push(`other text: ${sample(text, expected)}`);
  }
}

const SHOWN_CHARS = 60;

function sample(text: string, expected: string): string {
  let same = 0;
  while (same < text.length && text[same] === expected[same]) same++;
  const around = (whole: string) => JSON.stringify(whole.slice(Math.max(0, same - 10), same + SHOWN_CHARS));
  return `at ${same} of ${expected.length}: ${around(text)} in place of ${around(expected)}`;
}
