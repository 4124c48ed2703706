// Takes out of a request what stands in the history only because answers have it. Clients send an assistant's message back
// as they got it, from this provider or another before a fallback: with `reasoning_content` that the broker made of a list
// of Mistral's or of a thought of Gemini's, with `annotations`, with `refusal: null`. Mistral answers 422 to each ("Extra
// inputs are not permitted"), Groq and Cerebras 400 ("property 'reasoning_content' is unsupported"; Groq to its own
// `reasoning` too; all seen in 2026).
import type { JsonObject } from '../codec.ts';
import { parseCarried } from '../wire/exact-json.ts';
import { editObject, memberBytes } from '../wire/json-object.ts';
import { isObject } from './request-fields.ts';

const OF_MESSAGE = [
  ...['reasoning_content', 'reasoning', 'reasoning_text', 'reasoning_details'],
  ...['annotations', 'refusal', 'images', 'audio', 'extra_content'],
];
/** Null where SDKs print a whole message. */
const NULLS = ['function_call', 'tool_calls', 'name'];
const OF_CALL = ['extra_content', 'index'];

/** The body with its messages cleaned; only they are written anew, and only where there is something to take out. */
export function stripAnswerMembers(body: Buffer): Buffer {
  const bytes = memberBytes(body, 'messages');
  const messages = bytes === null ? null : parseCarried(bytes.toString());
  if (!Array.isArray(messages)) return body;
  let isChanged = false;
  for (const message of messages) {
    if (isObject(message) && message.role === 'assistant' && cleanMessage(message)) isChanged = true;
  }
  return isChanged ? editObject(body, { set: new Map([['messages', JSON.stringify(messages)]]) }) : body;
}

function cleanMessage(message: JsonObject): boolean {
  // What a model refused with is what it said.
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
