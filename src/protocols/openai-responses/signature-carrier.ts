// Where a signature of any provider stands in this protocol: in a reasoning item's `encrypted_content`. OpenAI's own stands
// there as it is. Another provider's is wrapped, and says what it was found on, which the item alone does not tell:
//
// - on reasoning: the item is that reasoning. `redacted` where nothing but the signature may be shown.
// - on another part (Gemini signs tool calls, images and texts): the item carries nothing else and follows that part.
//   It cannot come before: in a stream the signature is known when the part is over.
// - on an empty text (Gemini's last word): the text itself is shown to no client, the item stands for it.
import type { Signature } from '../../contracts/inference-request.ts';
import { unwrapSignature, wrapSignature } from '../translate/signatures.ts';

export type SignedPlace = 'reasoning' | 'redacted' | 'part-before' | 'empty-text';

/** Of a thought whose provider signs nothing: says only that it is foreign, so that OpenAI is never given it. */
export const UNSIGNED = wrapSignature({ origin: 'openai-responses', value: '' });

export interface CarriedSignature {
  signature: Signature;
  place: SignedPlace;
}

/** What follows the wrapped form; a full stop is no base64. */
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
