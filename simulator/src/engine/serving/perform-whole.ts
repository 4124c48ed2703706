// Sends an answer in one piece, after the time it would have taken to stream. For an answer that is not delivered whole, only the
// prompt is billed.
import { NO_USAGE, type Usage } from '../../../../src/contracts/usage.ts';
import type { Answer } from '../answers/answer.ts';
import type { BreakKind } from '../faults/fault-plan.ts';
import { misstated } from './false-numbers.ts';
import { type Performance, promptOf, sendBody } from './performance.ts';
import { writeDistorted } from './write-distorted.ts';

/** What some providers send while an unstreamed answer is not ready; JSON parsers skip it. */
const WAITING_SPACES = '\n         \n';

/** Node.js fires longer timers at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export function performWhole(performance: Performance): void {
  const { exchange, firstTokenMs, paceMs, speech } = performance;
  const speakingMs = paceMs * Math.max(0, speech.answer.usage.outputTokens - 1);
  const delayMs = Math.min(MAX_TIMER_MS, firstTokenMs + speakingMs);
  if (delayMs <= 0) return send(performance);
  let isAnswered = false;
  const timer = setTimeout(() => {
    isAnswered = true;
    send(performance);
  }, delayMs);
  exchange.onceClosed(() => {
    clearTimeout(timer);
    if (!isAnswered) performance.onEnd('aborted', promptOf(speech.answer.usage));
  });
}

function send(performance: Performance): void {
  const { faults, speech } = performance;
  const { break: fault } = faults;
  if (fault === null) return sendWhole(performance);
  const share = shareBefore(fault.afterTokens, speech.answer);
  if (share > 1) return sendWhole(performance);
  sendBroken(performance, fault.kind, share);
}

/** Share of the body that is sent before a break after this many tokens; 1 is all of it. */
function shareBefore(afterTokens: number, { choices, usage }: Answer): number {
  if (afterTokens === 0) return 0;
  // Without text there are no tokens to count, so the break is in the middle.
  return choices.length === 0 ? 0.5 : afterTokens / usage.outputTokens;
}

function sendWhole(performance: Performance): void {
  const { exchange, faults, speech, voice } = performance;
  const headers = performance.headers(voice.wholeContentType);
  const body = (faults.hasComments ? WAITING_SPACES : '') + voice.speakWhole(saidSpeech(performance));
  performance.onEnd('completed', speech.answer.usage);
  if (faults.dribbleBytes === null) return sendBody(exchange, 200, headers, body);
  exchange.head(200, headers);
  writeDistorted(exchange, body, { ...faults, hasCarriageReturns: false });
  exchange.end();
}

function saidSpeech({ faults, speech }: Performance): Performance['speech'] {
  if (!faults.misstatesUsage) return speech;
  return { ...speech, answer: { ...speech.answer, usage: misstated(speech.answer.usage) } };
}

/** @param share share of the answer that is sent, from 0 to 1. */
function sendBroken(performance: Performance, kind: BreakKind, share: number): void {
  const { speech, voice } = performance;
  const whole = Buffer.from(voice.speakWhole(speech));
  // At least one byte is missing: a whole answer would not be broken.
  const part = whole.subarray(0, Math.min(whole.length - 1, Math.floor(whole.length * share)));
  switch (kind) {
    case 'error':
      return sendFalse(performance, voice.failWhole(speech), NO_USAGE);
    case 'failed':
      return sendFalse(performance, voice.failAnswer?.(speech) ?? voice.failWhole(speech), NO_USAGE);
    case 'malformed':
    case 'end':
      return sendFalse(performance, part, promptOf(speech.answer.usage));
    case 'cut':
    case 'reset':
    case 'stall':
      return sendPart(performance, kind, part, whole.length);
  }
}

function sendFalse(performance: Performance, body: string | Buffer, served: Usage): void {
  const { exchange, headers, voice } = performance;
  performance.onEnd('broken', served);
  sendBody(exchange, 200, headers(voice.wholeContentType), body);
}

/** Announces the full length, so that the client can tell that something is missing. */
function sendPart(performance: Performance, kind: 'cut' | 'reset' | 'stall', part: Buffer, wholeLength: number): void {
  const { exchange, headers, voice, onEnd } = performance;
  const prompt = promptOf(performance.speech.answer.usage);
  if (kind === 'stall') exchange.onceClosed(() => onEnd('broken', prompt));
  else onEnd('broken', prompt);
  exchange.head(200, [...headers(voice.wholeContentType), 'content-length', String(wholeLength)]);
  exchange.flushHead();
  exchange.write(part);
  if (kind === 'cut') exchange.cut();
  else if (kind === 'reset') exchange.reset();
  else exchange.hold();
}
