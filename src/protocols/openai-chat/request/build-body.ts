// The provider's face of OpenAI Chat Completions, outgoing: the client's bytes with the fewest possible changes.
import { boundsOf } from '#src/protocols/bounds/provider-bounds.ts';
import { extraMembers } from '#src/protocols/call/effective-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { traitsOf } from '#src/protocols/openai/models.ts';
import { isObject } from '#src/protocols/openai/request-fields.ts';
import { BROKER_MEMBERS } from '#src/protocols/openai/routing.ts';
import type { PassThroughInput } from '#src/protocols/protocol.ts';
import { mayHoldForeignSignature, unwrapSignature } from '#src/protocols/translate/signatures.ts';
import { parseCarried } from '#src/protocols/wire/exact-json.ts';
import { editObject, isObjectBytes, memberBytes } from '#src/protocols/wire/json-object.ts';
import { parseBytes, printAround } from '#src/protocols/wire/long-strings.ts';

const EMPTY_OBJECT = Buffer.from('{}');
const ASK_FOR_USAGE = { set: new Map([['include_usage', 'true']]) };

/**
 * The model becomes the provider's own id, usage is requested in streams, the broker's members are removed and `extra_body` is
 * merged in (over the members of the same name). Nothing else changes, not even a space, unless the body contains signatures
 * that the broker wrapped for other providers, or members of earlier answers that this provider refuses.
 */
export function buildChatBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  set.set('model', JSON.stringify(input.upstreamModel));
  if (input.isStream && input.canReportStreamUsage) {
    const options = asBuffer(set.get('stream_options')) ?? memberBytes(input.body, 'stream_options');
    set.set('stream_options', editObject(isObjectBytes(options) ? options : EMPTY_OBJECT, ASK_FOR_USAGE));
  }
  const body = editObject(input.body, { set, remove: BROKER_MEMBERS });
  const own = mayHoldForeignSignature(body)
    ? stripForeignSignatures(body, traitsOf(input.upstreamModel).isGemini)
    : body;
  const isStrict = input.isStrict === true || boundsOf('openai-chat', input.upstreamModel).isStrict;
  return isStrict ? stripAnswerMembers(own) : own;
}

function asBuffer(bytes: string | Buffer | undefined): Buffer | null {
  return bytes === undefined ? null : Buffer.from(bytes);
}

// Removes members that are in the history only because answers have them. Clients send an assistant's message back unchanged,
// from this provider or from another before a fallback: with `reasoning_content` that the broker made from Mistral's list or
// from Gemini's thoughts, with `annotations`, with `refusal: null`. Mistral answers 422 to each ("Extra
// inputs are not permitted"), Groq and Cerebras 400 ("property 'reasoning_content' is unsupported"; Groq to its own
// `reasoning` too; all seen in 2026).
const OF_MESSAGE = [
  ...['reasoning_content', 'reasoning', 'reasoning_text', 'reasoning_details'],
  ...['annotations', 'refusal', 'images', 'audio', 'extra_content'],
];
/** Members that are null when SDKs serialise a whole message. */
const NULLS = ['function_call', 'tool_calls', 'name'];
const OF_CALL = ['extra_content', 'index'];

/** The body with cleaned messages, which are serialised again only if something was removed. */
export function stripAnswerMembers(body: Buffer): Buffer {
  const bytes = memberBytes(body, 'messages');
  const messages = bytes === null ? null : parseBytes(bytes, parseCarried);
  if (!Array.isArray(messages)) return body;
  let isChanged = false;
  for (const message of messages) {
    if (isObject(message) && message.role === 'assistant' && stripMessage(message)) isChanged = true;
  }
  return isChanged ? editObject(body, { set: new Map([['messages', printAround(messages)]]) }) : body;
}

function stripMessage(message: JsonObject): boolean {
  // A refusal becomes the content of the message.
  if (typeof message.refusal === 'string' && !message.content) message.content = message.refusal;
  const nulls = NULLS.filter((name) => message[name] === null);
  let isChanged = remove(message, [...OF_MESSAGE, ...nulls]);
  if (!Array.isArray(message.tool_calls)) return isChanged;
  for (const call of message.tool_calls) if (isObject(call) && remove(call, OF_CALL)) isChanged = true;
  return isChanged;
}

function remove(object: JsonObject, names: readonly string[]): boolean {
  const present = names.filter((name) => Object.hasOwn(object, name));
  for (const name of present) delete object[name];
  return present.length > 0;
}

// Removes what the broker itself added: wrapped signatures of other providers, which a strict provider would refuse as
// unknown members, and the reasoning they belong to. A Gemini model at Google's own OpenAI endpoint gets its own
// signatures back, unwrapped.

/** The body with cleaned messages; only they are serialised again. */
export function stripForeignSignatures(body: Buffer, isGemini: boolean): Buffer {
  const messages = parseBytes(memberBytes(body, 'messages') ?? Buffer.from('null'), parseCarried);
  if (!Array.isArray(messages)) return body;
  for (const message of messages) if (isObject(message)) cleanMessage(message, isGemini);
  return editObject(body, { set: new Map([['messages', printAround(messages)]]) });
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
  // Without its signature, no provider accepts the reasoning.
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
