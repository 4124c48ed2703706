// Providers sign what their models think and want it back unchanged. A client of another protocol keeps such a signature
// in the place where its own protocol has one; here it gets a form that says whose it is, so that it finds its way back
// to its provider and never reaches another.
//
// The form is valid base64 (Gemini's field is `bytes`) and starts with a mark that bytes can be searched for.
import type { Signature } from '../contracts/inference-request.ts';

/** Eight characters: whole base64 quanta, so that what follows is aligned. */
const MARK = 'sLuIcE01';
const MARK_BYTES = Buffer.from(MARK);

const ORIGINS: readonly Signature['origin'][] = [
  'anthropic-messages',
  'gemini-generate-content',
  'openai-responses',
  'openai-chat',
];

export function wrapSignature({ origin, value }: Signature): string {
  return MARK + Buffer.from(`${ORIGINS.indexOf(origin)}${value}`).toString('base64');
}

/** The signature inside, or null for what this broker did not wrap. */
export function unwrapSignature(text: string): Signature | null {
  if (!text.startsWith(MARK)) return null;
  const inner = Buffer.from(text.slice(MARK.length), 'base64').toString();
  const origin = ORIGINS[Number(inner[0])];
  return origin === undefined ? null : { origin, value: inner.slice(1) };
}

/** Whether a body may hold a wrapped signature: cheap, and never wrong when it says no. */
export function mayHoldForeignSignature(body: Buffer): boolean {
  return body.includes(MARK_BYTES);
}
