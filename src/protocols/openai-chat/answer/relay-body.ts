// A chat completion passed through, not streamed: the provider's bytes with the cost added.

import { createHash } from 'node:crypto';
import { createFailure } from '#src/contracts/failure.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { readChatEventFailure } from '#src/protocols/openai/failures.ts';
import { isObject } from '#src/protocols/openai/request-fields.ts';
import { insertCost, usageIn, withModel, writeChatUsage } from '#src/protocols/openai/usage.ts';
import type { RelayContext, RelayedBody } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { editObject } from '#src/protocols/wire/json-object.ts';
import {
  argumentsText,
  type ChatChunk,
  type ChatDelta,
  type ChatToolCall,
  choiceBytes,
  isEmptyCall,
  objectsIn,
  parseChatChunk,
  readCall,
} from '../chunk.ts';
import { readPieces, textOf } from '../read-content.ts';
import { CallSlots } from '../stream/call-slots.ts';

export function relayChatBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseChatChunk(body.toString());
  if (answer === null || (!answer.error && !Array.isArray(answer.choices))) {
    const failure = createFailure(
      'upstream_malformed',
      'The provider responded with 200, but the body is not a chat completion.',
    );
    return { body, usage: NO_USAGE, failure };
  }
  if (answer.error) return { body, usage: NO_USAGE, failure: readChatEventFailure(answer.error) };
  const usage = countedOr(usageIn(answer), estimateUsage(answer, context));
  const readable = withModel(normaliseAnswer(body, answer), answer, context);
  const base =
    usage.isEstimated || !answer.usage
      ? editObject(readable, { set: new Map([['usage', JSON.stringify(writeChatUsage(usage))]]) })
      : readable;
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

function estimateUsage(answer: ChatChunk, context: RelayContext): Usage {
  const outputBytes = objectsIn(answer.choices).reduce((sum, choice) => sum + choiceBytes(choice), 0);
  return {
    ...NO_USAGE,
    inputTokens: context.estimatedInputTokens,
    outputTokens: tokensOfBytes(outputBytes),
    isEstimated: true,
  };
}

// Repairs parts of a provider's answer that OpenAI clients cannot read: content as a list that includes reasoning (Mistral), tool
// calls without an id, type or index, arguments that are not text. All other bytes are unchanged.

/** The bytes of a whole answer, edited where necessary. */
export function normaliseAnswer(body: Buffer, answer: ChatChunk): Buffer {
  let isChanged = false;
  for (const { index, message } of objectsIn(answer.choices)) {
    if (typeof message !== 'object' || message === null) continue;
    if (flattenContent(message)) isChanged = true;
    if (dropEmptyCalls(message)) isChanged = true;
    for (const [ordinal, call] of objectsIn(message.tool_calls).entries()) {
      if (repairCall(call, callId(answer, index ?? 0, ordinal))) isChanged = true;
    }
  }
  return isChanged ? withChoices(body, answer) : body;
}

/** The same for the chunks of one stream, in their order. */
export class ChunkNormaliser {
  readonly #slots = new Map<number, CallSlots>();

  /** The JSON of a chunk, edited where necessary; the parsed chunk is edited too. */
  normalise(json: string, chunk: ChatChunk): string {
    let isChanged = false;
    for (const { index, delta } of objectsIn(chunk.choices)) {
      if (typeof delta !== 'object' || delta === null) continue;
      if (flattenContent(delta)) isChanged = true;
      if (dropEmptyCalls(delta)) isChanged = true;
      for (const call of objectsIn(delta.tool_calls)) {
        if (this.#repairDelta(call, chunk, index ?? 0)) isChanged = true;
      }
    }
    return isChanged ? withChoices(Buffer.from(json), chunk).toString() : json;
  }

  #repairDelta(call: ChatToolCall, chunk: ChatChunk, choice: number): boolean {
    const slots = this.#slots.get(choice) ?? new CallSlots();
    this.#slots.set(choice, slots);
    const { slot, isNew } = slots.take(readCall(call));
    const isMoved = call.index !== slot.index;
    call.index = slot.index;
    if (isNew) return repairCall(call, callId(chunk, choice, slot.ordinal)) || isMoved;
    // SDKs require later deltas to have the id of the first, or none (openai 7.55.0).
    const hasOtherId = Boolean(call.id) && call.id !== slot.id;
    if (hasOtherId) delete call.id;
    return textArguments(call) || hasOtherId || isMoved;
  }
}

function withChoices(json: Buffer, answer: ChatChunk): Buffer {
  return editObject(json, { set: new Map([['choices', JSON.stringify(answer.choices)]]) });
}

function flattenContent(said: ChatDelta): boolean {
  if (!Array.isArray(said.content)) return false;
  const pieces = readPieces(said);
  const reasoning = textOf(pieces, 'reasoning');
  said.content = textOf(pieces, 'text');
  if (reasoning !== '') said.reasoning_content = reasoning;
  return true;
}

/** SDKs treat an empty call as a call. */
function dropEmptyCalls(said: ChatDelta): boolean {
  let isChanged = false;
  if (isObject(said.function_call) && isEmptyCall(readCall({ function: said.function_call }))) {
    delete said.function_call;
    isChanged = true;
  }
  const calls = objectsIn(said.tool_calls);
  const kept = calls.filter((call) => !isEmptyCall(readCall(call)));
  if (kept.length < calls.length) {
    said.tool_calls = kept;
    if (kept.length === 0) delete said.tool_calls;
    isChanged = true;
  }
  return isChanged;
}

/** The first (or only) occurrence of a call needs an id and a type. */
function repairCall(call: ChatToolCall, id: string): boolean {
  const hasId = typeof call.id === 'string' && call.id !== '';
  const hasType = typeof call.type === 'string';
  if (!hasId) call.id = id;
  if (!hasType) call.type = call.custom === undefined ? 'function' : 'custom';
  return textArguments(call) || !hasId || !hasType;
}

function textArguments(call: ChatToolCall): boolean {
  const given = call.function?.arguments;
  if (given === undefined || typeof given === 'string') return false;
  call.function = { ...call.function, arguments: argumentsText(given) };
  return true;
}

/** Stable within an answer and different in the next one, because clients send ids of several turns back together. */
function callId(answer: ChatChunk, choice: number, ordinal: number): string {
  const seed = `${answer.id ?? ''}/${answer.created ?? ''}/${choice}/${ordinal}`;
  return `call_${createHash('sha256').update(seed).digest('hex').slice(0, 24)}`;
}
