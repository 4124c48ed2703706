// Why an answer ended, in Gemini's words and in the canonical ones. Sources: sections 3 and 9 of
// ../shared/reference/gemini-generate-content.md.
import type { FinishReason } from '../../contracts/answer.ts';

/** The model's own faults: worth another try where nothing came of them. */
const FAULTS = new Set([
  'MALFORMED_FUNCTION_CALL',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'MALFORMED_RESPONSE',
  'NO_IMAGE',
  'IMAGE_OTHER',
  'OTHER',
  'FINISH_REASON_UNSPECIFIED',
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
]);

export function isFault(reason: string): boolean {
  return FAULTS.has(reason);
}

export function isWithheld(reason: string): boolean {
  return WITHHELD.has(reason);
}

/** STOP ends function calls too. A long decode at its cap (CONTINUATION) is not continued: it is a length. */
export function decodeFinishReason(reason: string, hasCalls: boolean): FinishReason {
  if (WITHHELD.has(reason)) return 'content-filter';
  if (reason === 'MAX_TOKENS' || reason === 'CONTINUATION') return 'length';
  if (hasCalls) return 'tool-calls';
  return FAULTS.has(reason) ? 'error' : 'stop';
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
