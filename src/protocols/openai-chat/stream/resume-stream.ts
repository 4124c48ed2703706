// Resumes a client's broken stream: what the client has is read back from its bytes, whether an encoder or a provider
// wrote them.
import type { EncodeContext, ResumedStream } from '#src/protocols/codec.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { type ChatChoice, type ChatChunk, type ChatDelta, objectsIn, parseChatChunk, readIdentity } from '../chunk.ts';
import { readPieces, textOf } from '../read-content.ts';
import { type BegunChat, ChatAnswerEncoder } from './answer-encoder.ts';

/** Null unless the client has only reasoning and the beginning of one text, of a single choice. */
export function resumeChatStream(delivered: Buffer, context: EncodeContext): ResumedStream | null {
  if (Number(context.clientBody.n ?? 1) > 1) return null;
  const begun = readBegun(delivered);
  if (begun === null) return null;
  // Chat marks neither the end of reasoning nor the start of a text: a text is open once it has content.
  const part = begun.hasThoughts ? 1 : 0;
  return { encoder: new ChatAnswerEncoder(context, begun), part, text: begun.text, isOpen: begun.text !== '' };
}

function readBegun(delivered: Buffer): BegunChat | null {
  const begun: BegunChat = {
    id: '',
    model: '',
    hasRole: false,
    hasThoughts: false,
    thoughtDetails: 0,
    text: '',
  };
  for (const { data } of new SseSplitter().push(delivered)) {
    if (data === null) continue;
    const chunk = parseChatChunk(data);
    if (chunk === null || !advance(begun, chunk)) return null;
  }
  return begun;
}

/** False if the stream cannot be resumed. */
function advance(begun: BegunChat, chunk: ChatChunk): boolean {
  if (chunk.error) return false;
  const choices = objectsIn(chunk.choices);
  // Azure's first chunk has filter results, no choices, and neither id nor model; the last one has usage.
  if (choices.length === 0) return !chunk.usage;
  const { id, model, createdAt } = readIdentity(chunk);
  begun.id ||= id;
  begun.model ||= model;
  if (createdAt !== undefined) begun.createdAt ??= createdAt;
  if (typeof chunk.service_tier === 'string') begun.serviceTier = chunk.service_tier;
  return choices.every((choice) => advanceChoice(begun, choice));
}

function advanceChoice(begun: BegunChat, { index = 0, delta, finish_reason: reason }: ChatChoice): boolean {
  if (index !== 0 || reason) return false;
  if (!delta) return true;
  const pieces = readPieces(delta);
  const thought = textOf(pieces, 'reasoning');
  // Reasoning after the text would be a separate part.
  if (hasOther(delta) || textOf(pieces, 'refusal') !== '' || (thought !== '' && begun.text !== '')) return false;
  begun.hasRole = true;
  begun.hasThoughts ||= thought !== '';
  begun.thoughtDetails += Array.isArray(delta.reasoning_details) ? delta.reasoning_details.length : 0;
  begun.text += textOf(pieces, 'text');
  return true;
}

/** Whether a delta has calls, images or audio, or what follows a finished text: annotations, a signature. */
function hasOther(delta: ChatDelta & { extra_content?: unknown }): boolean {
  const { tool_calls, function_call, images, audio, annotations, extra_content } = delta;
  return [tool_calls, function_call, images, audio, annotations, extra_content].some((member) =>
    Array.isArray(member) ? member.length > 0 : Boolean(member),
  );
}
