// Google's own OpenAI endpoint returns and expects Gemini's thought signature in `extra_content.google.thought_signature`, on a
// tool call or on the message (docs/reference/gemini-generate-content.md section 5). In translated answers it is wrapped, so
// that it is never sent to another provider; an unwrapped one came directly from Google.
import type { ReasoningPart, Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { unwrapSignature, wrapSignature } from '../translate/signatures.ts';

export interface ExtraContent {
  google: { thought_signature: string };
}

export function decodeExtraContent(extraContent: unknown): Signature | undefined {
  const value = readThoughtSignature(extraContent);
  if (value === null) return undefined;
  return unwrapSignature(value) ?? { origin: 'gemini-generate-content', value };
}

/** Null for signatures of other providers, which are not written here. */
export function encodeExtraContent(signature: Signature | undefined): ExtraContent | null {
  if (signature?.origin !== 'gemini-generate-content') return null;
  return { google: { thought_signature: wrapSignature(signature) } };
}

/** As it came, wrapped or not; null if there is none. */
function readThoughtSignature(extraContent: unknown): string | null {
  const google = (extraContent as { google?: { thought_signature?: unknown } } | null | undefined)?.google;
  const value = google?.thought_signature;
  return typeof value === 'string' && value !== '' ? value : null;
}

// Thoughts with their signatures, in the form that OpenRouter returns and accepts
// (openrouter.ai/docs/use-cases/reasoning-tokens): {type: 'reasoning.text', text, signature} and, for hidden
// reasoning, {type: 'reasoning.encrypted', data}. A signature is wrapped, so that it reaches no other provider.
const FORMATS: Readonly<Record<Signature['origin'], string>> = {
  'anthropic-messages': 'anthropic-claude-v1',
  'gemini-generate-content': 'google-gemini-v1',
  'openai-responses': 'openai-responses-v1',
  'openai-chat': 'unknown',
};

/** Null for thoughts without a signature: their text is in `reasoning_content`, and no provider expects them back. */
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

/** Reasoning of an earlier answer; unreadable details are left out. */
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

/** An unwrapped one came from OpenRouter, which states its format; before it did so, all were Anthropic's. */
function decodeSignature(value: unknown, format: unknown): Signature | null {
  if (typeof value !== 'string' || value === '') return null;
  const wrapped = unwrapSignature(value);
  if (wrapped !== null) return wrapped;
  const known = Object.entries(FORMATS).find(([, name]) => name === (format ?? FORMATS['anthropic-messages']));
  return known === undefined ? null : { origin: known[0] as Signature['origin'], value };
}
