// A reasoning item that a client sends back: reasoning, or the carrier of a signature that belongs to the part before it.
import type { Part, ReasoningPart, Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { unwrapSignature, wrapSignature } from '../translate/signatures.ts';
import { objectsOf, present, textOf } from '../wire/loose-json.ts';

/** Separates the parts of a summary, and of a reasoning text. */
export const REASONING_SEPARATOR = '\n\n';

/** Adds the item to the parts of its turn. */
export function decodeReasoningItem(parts: Part[], item: JsonObject): void {
  const encrypted = textOf(item.encrypted_content);
  const carried = encrypted === '' || encrypted === UNSIGNED ? null : readEncryptedContent(encrypted);
  if (carried?.place === 'part-before') return signLast(parts, carried.signature);
  if (carried?.place === 'empty-text') {
    parts.push({ kind: 'text', text: '', signature: carried.signature });
    return;
  }
  const part: ReasoningPart = {
    kind: 'reasoning',
    text: reasoningText(item),
    ...present({ id: textOf(item.id) || null, signature: carried?.signature }),
    ...(carried?.place === 'redacted' ? { isRedacted: true } : {}),
  };
  if (part.text !== '' || part.signature !== undefined) parts.push(part);
}

/** The text itself if the provider gives it (open models), else the summary. */
export function reasoningText(item: JsonObject): string {
  const content = objectsOf(item.content);
  return (content.length > 0 ? content : objectsOf(item.summary))
    .map((part) => textOf(part.text))
    .join(REASONING_SEPARATOR);
}

/** Ignored if the client has left out that part. */
function signLast(parts: Part[], signature: Signature): void {
  const last = parts.at(-1);
  const isSignable = last?.kind === 'text' || last?.kind === 'image' || last?.kind === 'tool-call';
  if (isSignable && last.signature === undefined) last.signature = signature;
}

// This protocol holds signatures of any provider in a reasoning item's `encrypted_content`. OpenAI's own is unchanged. Another
// provider's is wrapped together with the kind of part that it belongs to, which the item alone does not show:
//
// - on reasoning: the item is that reasoning. `redacted` where nothing but the signature may be shown.
// - on another part (Gemini signs tool calls, images and texts): the item carries nothing else and follows that part.
//   It cannot precede it, because in a stream the signature is known only at the end of the part.
// - on an empty text (Gemini ends with one): the text itself is not shown; the item represents it.
export type SignedPlace = 'reasoning' | 'redacted' | 'part-before' | 'empty-text';

/** Marks reasoning without a signature as foreign, so that it is never sent to OpenAI. */
export const UNSIGNED = wrapSignature({ origin: 'openai-responses', value: '' });

export interface CarriedSignature {
  signature: Signature;
  place: SignedPlace;
}

/** Follows the wrapped form; a full stop is not base64. */
const SUFFIX: Record<SignedPlace, string> = {
  reasoning: '',
  redacted: '.redacted',
  'part-before': '.before',
  'empty-text': '.empty',
};

export function writeEncryptedContent(signature: Signature, place: SignedPlace): string {
  if (signature.origin === 'openai-responses' && place === 'reasoning') return signature.value;
  return wrapSignature(signature) + SUFFIX[place];
}

export function readEncryptedContent(encrypted: string): CarriedSignature {
  const own: CarriedSignature = { signature: { origin: 'openai-responses', value: encrypted }, place: 'reasoning' };
  const dot = encrypted.lastIndexOf('.');
  const end = dot < 0 ? encrypted.length : dot;
  const signature = unwrapSignature(encrypted.slice(0, end));
  if (signature === null) return own;
  const suffix = encrypted.slice(end);
  const place = (Object.keys(SUFFIX) as SignedPlace[]).find((key) => SUFFIX[key] === suffix);
  return place === undefined ? own : { signature, place };
}
