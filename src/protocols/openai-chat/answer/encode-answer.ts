// A canonical answer as a whole chat completion.
import type { Answer, AnswerChoice } from '#src/contracts/answer.ts';
import type { Part, TextPart, ToolCallPart } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import { type EncodeContext, idFor, type JsonObject, type ShownCost } from '#src/protocols/codec.ts';
import { isObject } from '#src/protocols/openai/request-fields.ts';
import { insertCost, writeChatUsage } from '#src/protocols/openai/usage.ts';
import { parseChatChunk } from '../chunk.ts';
import { isOlderForm } from '../request/decode-request.ts';
import { encodeExtraContent, encodeReasoningDetail } from '../signatures.ts';
import { encodeAnnotations, encodeFinishReason, encodeImage, encodeLogProbabilities } from './answer-parts.ts';

export function encodeChatAnswer(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string {
  const created = answer.createdAt ?? context.createdAt;
  const completion = {
    id: idFor('chatcmpl-', context.requestId),
    object: 'chat.completion',
    created,
    model: answer.model || context.clientBody.model,
    choices: answer.choices.map((choice) => encodeChoice(choice, context, created)),
    usage: writeChatUsage(usage),
    ...(answer.serviceTier === undefined ? {} : { service_tier: answer.serviceTier }),
  };
  return insertCost(Buffer.from(JSON.stringify(completion)), shown).toString();
}

function encodeChoice(choice: AnswerChoice, context: EncodeContext, createdAt: number): JsonObject {
  const isOlder = isOlderForm(context.clientBody);
  const customTools = customToolNames(context.clientBody);
  const audioId = idFor('audio_', context.requestId);
  const isCall = isOlder && choice.finishReason === 'tool-calls';
  return {
    index: choice.index,
    message: encodeMessage(choice.parts, { isOlder, customTools, audioId, createdAt }),
    logprobs: encodeLogProbabilities(choice.logProbabilities),
    finish_reason: isCall ? 'function_call' : encodeFinishReason(choice.finishReason),
  };
}

// Encodes the parts of an answer as one message of Chat.
export interface MessageForm {
  /** The older form, in which a message has at most one call, as `function_call`. */
  isOlder: boolean;
  /** Tools that the client declared as custom. */
  customTools: ReadonlySet<string>;
  /** Id of the audio, if there is any, and its creation time in Unix seconds. */
  audioId: string;
  createdAt: number;
}

export function encodeMessage(parts: readonly Part[], form: MessageForm): JsonObject {
  const calls = ofKind(parts, 'tool-call');
  const refusal = textOf(parts, 'refusal');
  const content = textOf(parts, 'text');
  const hasOther = calls.length > 0 || refusal !== '';
  return {
    role: 'assistant',
    content: content === '' && hasOther ? null : content,
    refusal: refusal === '' ? null : refusal,
    ...reasoningOf(parts),
    ...(calls.length === 0 ? {} : encodeCalls(calls, form)),
    ...listed('images', ofKind(parts, 'image').map(encodeImage)),
    ...listed('annotations', annotationsOf(ofKind(parts, 'text'))),
    ...audioOf(parts, form),
    ...signatureOf(ofKind(parts, 'text')),
  };
}

function ofKind<K extends Part['kind']>(parts: readonly Part[], kind: K): Extract<Part, { kind: K }>[] {
  return parts.filter((part): part is Extract<Part, { kind: K }> => part.kind === kind);
}

function textOf(parts: readonly Part[], kind: 'text' | 'refusal' | 'reasoning'): string {
  return ofKind(parts, kind)
    .map((part) => part.text)
    .join('');
}

/** The member with the list, or nothing if the list is empty. */
function listed(member: string, items: readonly (JsonObject | null)[]): JsonObject {
  const held = items.filter((item) => item !== null);
  return held.length === 0 ? {} : { [member]: held };
}

function reasoningOf(parts: readonly Part[]): JsonObject {
  const text = textOf(parts, 'reasoning');
  const details = ofKind(parts, 'reasoning').map(encodeReasoningDetail);
  return { ...(text === '' ? {} : { reasoning_content: text }), ...listed('reasoning_details', details) };
}

function encodeCalls(calls: readonly ToolCallPart[], { isOlder, customTools }: MessageForm): JsonObject {
  if (!isOlder) return { tool_calls: calls.map((call) => encodeCall(asDeclared(call, customTools))) };
  const { name, arguments: text } = calls[0]!;
  return { function_call: { name, arguments: text } };
}

function asDeclared(call: ToolCallPart, customTools: ReadonlySet<string>): ToolCallPart {
  const isWrapped = call.isCustom !== true && customTools.has(call.name);
  return isWrapped ? { ...call, isCustom: true, arguments: unwrapInput(call.arguments) } : call;
}

function encodeCall({ id, name, arguments: text, isCustom, signature }: ToolCallPart): JsonObject {
  const extra = encodeExtraContent(signature);
  const body = isCustom
    ? { type: 'custom', custom: { name, input: text } }
    : { type: 'function', function: { name, arguments: text } };
  return { id, ...body, ...(extra === null ? {} : { extra_content: extra }) };
}

function annotationsOf(texts: readonly TextPart[]): JsonObject[] {
  let offset = 0;
  return texts.flatMap(({ text, citations }) => {
    const start = offset;
    offset += text.length;
    return encodeAnnotations(citations ?? [], start, text.length);
  });
}

/** OpenAI keeps audio for an hour; the broker keeps none. */
const AUDIO_SECONDS = 3_600;

function audioOf(parts: readonly Part[], { audioId, createdAt }: MessageForm): JsonObject {
  const [audio] = ofKind(parts, 'audio');
  if (audio === undefined) return {};
  return { audio: { id: audioId, data: audio.data, expires_at: createdAt + AUDIO_SECONDS, transcript: '' } };
}

function signatureOf(texts: readonly TextPart[]): JsonObject {
  const extra = encodeExtraContent(texts.findLast((text) => text.signature !== undefined)?.signature);
  return extra === null ? {} : { extra_content: extra };
}

// Custom tools take free text. Providers without them get a function whose only argument, `input`, is that text; its calls
// are unwrapped for the client that declared the tool.
export function customToolNames({ tools }: JsonObject): ReadonlySet<string> {
  const declared = Array.isArray(tools) ? tools.filter(isObject) : [];
  const custom = declared.map((tool) => (tool.type === 'custom' && isObject(tool.custom) ? tool.custom.name : null));
  return new Set(custom.filter((name) => typeof name === 'string'));
}

/** Text that cannot be unwrapped is passed on unchanged. */
export function unwrapInput(wrapped: string): string {
  const { input } = (parseChatChunk(wrapped) ?? {}) as JsonObject;
  return typeof input === 'string' ? input : wrapped;
}
