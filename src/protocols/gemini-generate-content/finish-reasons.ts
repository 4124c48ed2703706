// Why an answer ended, in Gemini's words and in the canonical ones. Source:
// docs/reference/gemini-generate-content.md section 3.
import type { FinishReason } from '../../contracts/answer.ts';

/** A long decode at its cap (CONTINUATION) is not continued: it is a length. */
const CLEAN: ReadonlyMap<string, FinishReason> = new Map([
  ['STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['CONTINUATION', 'length'],
]);

const WITHHELD = new Set([
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  // Vertex AI.
  'MODEL_ARMOR',
]);

/** Google adds to the list; what a new one means is mostly in its name. */
const WITHHOLDS = /SAFETY|PROHIBITED|BLOCK|RECITATION|ARMOR|POLICY|SENSITIVE/;

/** The model's own fault, or a reason that is younger than this file: worth another try where nothing came of it. */
export function isFault(reason: string): boolean {
  return !CLEAN.has(reason) && !isWithheld(reason);
}

export function isWithheld(reason: string): boolean {
  return WITHHELD.has(reason) || WITHHOLDS.test(reason);
}

/** Function calls come whole and can be made however the answer ended. What is not known to be a clean end is none. */
export function decodeFinishReason(reason: string, hasCalls: boolean): FinishReason {
  if (isWithheld(reason)) return 'content-filter';
  const decoded = CLEAN.get(reason) ?? 'error';
  return hasCalls && decoded !== 'length' ? 'tool-calls' : decoded;
}

const GEMINI_REASON: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'content-filter': 'SAFETY',
  pause: 'STOP',
  error: 'OTHER',
};

export function encodeFinishReason(reason: FinishReason): string {
  return GEMINI_REASON[reason];
}

/** For people: Gemini names the reason and seldom explains it. */
export function refusalText(reason: string, message: string | undefined): string {
  return message || `The provider withheld the answer (${reason}).`;
}

export function blockText(reason: string, message: string | undefined): string {
  return message || `The provider blocked the prompt (${reason}).`;
}
