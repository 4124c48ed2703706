// Takes out of a request what only the broker wrote there: the wrapped signatures of other providers, which a strict provider
// would refuse as unknown members, and the thoughts that they belong to. What a Gemini model behind Google's own OpenAI
// endpoint once signed is given back to it.
import type { JsonObject } from '../codec.ts';
import { unwrapSignature } from '../translate/signatures.ts';
import { parseCarried } from '../wire/exact-json.ts';
import { editObject, memberBytes } from '../wire/json-object.ts';
import { isObject } from './request-fields.ts';

/** The body with its messages cleaned; only they are written anew. */
export function stripForeignSignatures(body: Buffer, isGemini: boolean): Buffer {
  const messages = parseCarried((memberBytes(body, 'messages') ?? Buffer.from('null')).toString());
  if (!Array.isArray(messages)) return body;
  for (const message of messages) if (isObject(message)) cleanMessage(message, isGemini);
  return editObject(body, { set: new Map([['messages', JSON.stringify(messages)]]) });
}

function cleanMessage(message: JsonObject, isGemini: boolean): void {
  if (Array.isArray(message.reasoning_details)) cleanDetails(message, message.reasoning_details);
  for (const bearers of [[message], message.tool_calls, message.images]) {
    if (!Array.isArray(bearers)) continue;
    for (const bearer of bearers) if (isObject(bearer)) cleanExtraContent(bearer, isGemini);
  }
}

function cleanDetails(message: JsonObject, details: readonly unknown[]): void {
  const kept = details.filter((detail) => !isObject(detail) || !(isOurs(detail.signature) || isOurs(detail.data)));
  if (kept.length === details.length) return;
  delete message.reasoning_details;
  if (kept.length > 0) message.reasoning_details = kept;
  // Without its signature it is the thought of a stranger.
  else delete message.reasoning_content;
}

function isOurs(value: unknown): boolean {
  return typeof value === 'string' && unwrapSignature(value) !== null;
}

function cleanExtraContent(bearer: JsonObject, isGemini: boolean): void {
  const extra = isObject(bearer.extra_content) ? bearer.extra_content : {};
  const google = isObject(extra.google) ? extra.google : {};
  const wrapped = typeof google.thought_signature === 'string' ? unwrapSignature(google.thought_signature) : null;
  if (wrapped === null) return;
  if (isGemini && wrapped.origin === 'gemini-generate-content') google.thought_signature = wrapped.value;
  else delete google.thought_signature;
  if (Object.keys(google).length === 0) delete extra.google;
  if (Object.keys(extra).length === 0) delete bearer.extra_content;
}
