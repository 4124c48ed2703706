// An answer of another provider as an Anthropic message, not streamed.
import type { Answer, AnswerChoice, FinishReason } from '#src/contracts/answer.ts';
import type {
  AudioPart,
  ImagePart,
  Part,
  ReasoningPart,
  Signature,
  TextPart,
  ToolCallPart,
} from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import { encodeCitation, escapeIdentifier } from '#src/protocols/anthropic-messages/blocks.ts';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { asObject, asText } from '#src/protocols/anthropic-messages/loose-json.ts';
import { insertCost, writeMessagesUsage } from '#src/protocols/anthropic-messages/usage.ts';
import { type EncodeContext, idFor, type JsonObject, type ShownCost } from '#src/protocols/codec.ts';
import { parseCarriedJson } from '#src/protocols/wire/exact-json.ts';

/** Members that version 2026-10-21 always has are null if unknown; for older versions too, except citations. */
export function encodeMessagesAnswer(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string {
  // Clients of this protocol cannot ask for more than one answer.
  const choice = answer.choices[0] ?? { index: 0, parts: [], finishReason: 'stop' };
  const message = {
    ...messageHead(answer.model, context),
    content: choice.parts.flatMap(encodePart).map(isOlderVersion(context) ? withoutNoCitations : asItIs),
    ...writeStop(endOf(choice)),
    container: null,
    usage: writeMessagesUsage(usage, answer.serviceTier),
  };
  return insertCost(Buffer.from(JSON.stringify(message)), shown, message.usage).toString();
}

/**
 * Names the requested model: Claude Code (2.1.197) sends thoughts back only if the answer names the model of its next request,
 * and silently drops them otherwise.
 */
export function messageHead(answered: string, { requestId, clientBody }: EncodeContext): JsonObject {
  const model = asText(clientBody.model) || answered;
  return { id: idFor('msg_', requestId), type: 'message', role: 'assistant', model };
}

const ALWAYS_CITES_FROM = '2026-10-21';

function isOlderVersion({ clientHeaders }: EncodeContext): boolean {
  return (clientHeaders?.['anthropic-version'] ?? ALWAYS_CITES_FROM) < ALWAYS_CITES_FROM;
}

/** @ai-sdk/anthropic 3.0.140 refuses an answer whose text has null citations: 'Invalid JSON response'. */
function withoutNoCitations(block: JsonObject): JsonObject {
  if (block.citations !== null) return block;
  const { citations: _, ...rest } = block;
  return rest;
}

function asItIs(block: JsonObject): JsonObject {
  return block;
}

function endOf({ parts, finishReason, finishMessage, stopSequence }: AnswerChoice) {
  return {
    message: finishMessage,
    reason: finishReason,
    stopSequence,
    hasToolCall: parts.some(({ kind }) => kind === 'tool-call'),
    refusal: parts.map((part) => (part.kind === 'refusal' ? part.text : '')).join(''),
  };
}

function encodePart(part: Part): JsonObject[] {
  switch (part.kind) {
    case 'text':
      return part.text === '' ? [] : [encodeText(part)];
    case 'reasoning':
      return encodeReasoning(part);
    case 'tool-call':
      return [
        ...(part.signature === undefined ? [] : [carrierBlock(part.signature)]),
        { type: 'tool_use', id: escapeIdentifier(part.id), name: part.name, input: inputOf(part) },
      ];
    case 'image':
    case 'audio':
      return [{ type: 'text', text: describeMedia(part), citations: null }];
    default:
      // A refusal is reported in `stop_details`; the other kinds do not occur in answers.
      return [];
  }
}

function encodeText({ text, citations = [] }: TextPart): JsonObject {
  return { type: 'text', text, citations: citations.length === 0 ? null : citations.map(encodeCitation) };
}

function encodeReasoning({ text, signature, isRedacted }: ReasoningPart): JsonObject[] {
  if (text === '' && signature === undefined) return [];
  if (isRedacted) return [{ type: 'redacted_thinking', data: writeSignature(signature) }];
  return [{ type: 'thinking', thinking: text, signature: writeSignature(signature) }];
}

/**
 * Carries another provider's signature of a call, for which there is no member, as an empty thought before the call. The
 * signature of a text is left out, since Gemini works without it: a thought before the text would hide the text from clients
 * that read `content[0]`, and one after it from clients that read the last block, as Claude Code does for the output of `-p`
 * (2.1.332).
 */
export function carrierBlock(signature: Signature): JsonObject {
  return { type: 'thinking', thinking: '', signature: writeSignature(signature) };
}

/** A custom tool's free text becomes the only member of its function's input. */
export function inputOf({ arguments: text, isCustom }: ToolCallPart): JsonObject {
  return isCustom === true ? { input: text } : readInput(text);
}

/** `input` must be an object. Other values are kept readable, as a member of one. */
function readInput(argumentsText: string): JsonObject {
  if (argumentsText.trim() === '') return {};
  return asObject(parseCarriedJson(argumentsText)) ?? { input: argumentsText };
}

/** Answers of this protocol are text: media are written as Markdown with a `data:` URL. */
export function describeMedia(part: ImagePart | AudioPart): string {
  if (part.kind === 'audio') return `[audio](data:audio/${part.format};base64,${part.data})`;
  const { source } = part;
  if (source.kind === 'base64') return `![image](data:${source.mediaType};base64,${source.data})`;
  return source.kind === 'url' ? `![image](${source.url})` : `![image](${source.id})`;
}

// Why an answer ended, in Anthropic's words and in ours (docs/reference/anthropic-messages.md section 3).

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
  pause_turn: 'pause',
  compaction: 'pause',
};

/** An unknown reason counts as an error. Without a call for the client, `tool_use` is a stop. */
export function readStopReason(reason: unknown, hasToolCall: boolean): FinishReason {
  const word = asText(reason);
  const known = FINISH_REASONS[word] ?? (word === '' ? 'stop' : 'error');
  return known === 'tool-calls' && !hasToolCall ? 'stop' : known;
}

/** Why the provider refused, if it gives a reason. */
export function readRefusal(stopReason: unknown, stopDetails: unknown): string {
  return stopReason === 'refusal' ? asText(asObject(stopDetails)?.explanation) : '';
}

interface AnswerEnd {
  reason: FinishReason;
  stopSequence: string | undefined;
  hasToolCall: boolean;
  /** Empty if the model gave no text for its refusal. */
  refusal: string;
  /** The provider's explanation of an end with an error. */
  message?: string | undefined;
}

const BROKEN = 'The provider ended this answer with an error; it may be incomplete.';

/** `stop_reason`, `stop_sequence` and `stop_details`. */
export function writeStop(end: AnswerEnd): JsonObject {
  const reason = stopReasonOf(end);
  // A failed answer must not look complete, and this protocol has no other reason for that.
  const explanation = end.reason === 'error' ? end.message || BROKEN : end.refusal || end.message;
  return {
    stop_reason: reason,
    stop_sequence: reason === 'stop_sequence' ? (end.stopSequence ?? null) : null,
    stop_details: reason === 'refusal' ? { type: 'refusal', category: null, explanation: explanation || null } : null,
  };
}

function stopReasonOf({ reason, stopSequence, hasToolCall, refusal }: AnswerEnd): string {
  if (refusal !== '' || reason === 'content-filter' || reason === 'error') return 'refusal';
  if (reason === 'length') return 'max_tokens';
  if (reason === 'pause') return 'pause_turn';
  // Clients of this protocol run tools for this reason only; some providers end calls with `stop`.
  if (reason === 'tool-calls' || hasToolCall) return 'tool_use';
  return stopSequence === undefined ? 'end_turn' : 'stop_sequence';
}
