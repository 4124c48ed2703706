// Where Google's own OpenAI endpoint shows and wants Gemini's thought signature: `extra_content.google.thought_signature`
// on a tool call or on the message (docs/reference/gemini-generate-content.md section 5). What a translated answer
// shows there is wrapped, so that no other provider is ever given it; a bare one came straight from Google.
import type { Signature } from '../../contracts/inference-request.ts';
import { unwrapSignature, wrapSignature } from '../translate/signatures.ts';

export interface ExtraContent {
  google: { thought_signature: string };
}

export function decodeExtraContent(extraContent: unknown): Signature | undefined {
  const value = readThoughtSignature(extraContent);
  if (value === null) return undefined;
  return unwrapSignature(value) ?? { origin: 'gemini-generate-content', value };
}

/** Null for the signatures of other providers, which have no place here. */
export function encodeExtraContent(signature: Signature | undefined): ExtraContent | null {
  if (signature?.origin !== 'gemini-generate-content') return null;
  return { google: { thought_signature: wrapSignature(signature) } };
}

/** As it stands, wrapped or bare; null where there is none. */
function readThoughtSignature(extraContent: unknown): string | null {
  const google = (extraContent as { google?: { thought_signature?: unknown } } | null | undefined)?.google;
  const value = google?.thought_signature;
  return typeof value === 'string' && value !== '' ? value : null;
}
