// Thoughts with their signatures, as OpenRouter shows them and takes them back
// (openrouter.ai/docs/use-cases/reasoning-tokens): {type: 'reasoning.text', text, signature} and, for what the provider
// hides, {type: 'reasoning.encrypted', data}. A signature is wrapped, so that it reaches no other provider.
import type { ReasoningPart, Signature } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { unwrapSignature, wrapSignature } from '../translate/signatures.ts';

const FORMATS: Readonly<Record<Signature['origin'], string>> = {
  'anthropic-messages': 'anthropic-claude-v1',
  'gemini-generate-content': 'google-gemini-v1',
  'openai-responses': 'openai-responses-v1',
  'openai-chat': 'unknown',
};

/** Null for thoughts without a signature: their text is in `reasoning_content`, and no provider wants them back. */
export function encodeReasoningDetail(part: ReasoningPart, index: number): JsonObject | null {
  const { signature, text, id } = part;
  if (signature === undefined || signature.origin === 'openai-chat') return null;
  const value = wrapSignature(signature);
  const isHidden = part.isRedacted === true || (text === '' && signature.origin !== 'anthropic-messages');
  const content = isHidden
    ? { type: 'reasoning.encrypted', data: value }
    : { type: 'reasoning.text', text, signature: value };
  return { ...content, ...(id === undefined ? {} : { id }), format: FORMATS[signature.origin], index };
}

/** Thoughts of an earlier answer; what cannot be read is left out, as every provider but its own would do. */
export function decodeReasoningDetails(details: unknown): ReasoningPart[] {
  if (!Array.isArray(details)) return [];
  return details.flatMap((detail) => decodeDetail(detail as JsonObject | null) ?? []);
}

function decodeDetail(detail: JsonObject | null): ReasoningPart | null {
  const text = [detail?.text, detail?.summary].find((value) => typeof value === 'string') ?? '';
  const isHidden = detail?.type === 'reasoning.encrypted';
  const signature = decodeSignature(isHidden ? detail.data : detail?.signature, detail?.format);
  if (signature === null && text === '') return null;
  return {
    kind: 'reasoning',
    text: text as string,
    ...(signature === null ? {} : { signature }),
    ...(isHidden && signature?.origin === 'anthropic-messages' ? { isRedacted: true } : {}),
    ...(typeof detail?.id === 'string' ? { id: detail.id } : {}),
  };
}

/** A bare one came from OpenRouter itself, which says whose it is; before it did, they were all Anthropic's. */
function decodeSignature(value: unknown, format: unknown): Signature | null {
  if (typeof value !== 'string' || value === '') return null;
  const wrapped = unwrapSignature(value);
  if (wrapped !== null) return wrapped;
  const known = Object.entries(FORMATS).find(([, name]) => name === (format ?? FORMATS['anthropic-messages']));
  return known === undefined ? null : { origin: known[0] as Signature['origin'], value };
}
