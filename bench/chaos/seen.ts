// What one errand came to, in its client's eyes.
import { type HeardStream, readSpokenStream, SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';
import type { Errand } from './errand.ts';

export interface Seen {
  errand: Errand;
  /** Of the last exchange that had one. */
  requestId: string | null;
  /** Every request of it that the broker has accepted: a client without a key may have had to ask twice. */
  accepted: Set<string>;
  /**
   * `whole`: the answer. `error event`: a part of it, and that it is broken. `failure`: a status and an error. `lost`: the
   * connection broke, and there is no way back to the request. `left`: the client went. `stuck`: patience is over.
   */
  ending: 'whole' | 'error event' | 'failure' | 'lost' | 'left' | 'stuck';
  /** Bytes of the answer, comments left out. */
  raw: string;
  failure: string | null;
  /** Where and when its connections broke: each must be the doing of a kill. */
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

/** The answer's text is what the provider says to this prompt, or (of a broken one) the beginning of it. */
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
