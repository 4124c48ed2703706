// Resumes a client's stream mid-stream: what the client has is read back from its bytes, whether an encoder or a provider
// wrote them.

import { asObject, asText } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { EncodeContext, JsonObject, ResumedStream } from '#src/protocols/codec.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { MessagesEncoder } from './answer-encoder.ts';

interface Delivered {
  hasStarted: boolean;
  /** Number of blocks that the client has seen end, all of them thoughts. */
  endedBlocks: number;
  openBlock: 'text' | 'thinking' | null;
  text: string;
}

/** Null unless the client has only thoughts and the beginning of one text. */
export function resumeMessagesStream(delivered: Buffer, context: EncodeContext): ResumedStream | null {
  const state = readDelivered(delivered);
  if (state === null) return null;
  const { hasStarted, endedBlocks, openBlock, text } = state;
  // A cut-off thought is ended before the text begins.
  const part = openBlock === 'thinking' ? endedBlocks + 1 : endedBlocks;
  const encoder = new MessagesEncoder(context, { hasStarted, nextIndex: endedBlocks, openBlock });
  return { encoder, part, text, isOpen: openBlock === 'text' };
}

function readDelivered(delivered: Buffer): Delivered | null {
  const state: Delivered = { hasStarted: false, endedBlocks: 0, openBlock: null, text: '' };
  for (const { data } of new SseSplitter().push(delivered)) {
    if (data === null) continue;
    const message = asObject(parseJson(data));
    if (message === null || !advance(state, message)) return null;
  }
  return state;
}

/** False where the stream cannot be resumed. */
function advance(state: Delivered, message: JsonObject): boolean {
  switch (message.type) {
    case 'message_start':
      state.hasStarted = true;
      return true;
    case 'content_block_start':
      return openBlock(state, asObject(message.content_block) ?? {});
    case 'content_block_delta':
      return addDelta(state, asObject(message.delta) ?? {});
    case 'content_block_stop':
      // After a finished text it is not known what would follow.
      if (state.openBlock === 'text') return false;
      state.openBlock = null;
      state.endedBlocks++;
      return true;
    case 'ping':
      return true;
    default:
      return false;
  }
}

function openBlock(state: Delivered, { type, text }: JsonObject): boolean {
  if (type !== 'text' && type !== 'thinking' && type !== 'redacted_thinking') return false;
  state.openBlock = type === 'text' ? 'text' : 'thinking';
  state.text += asText(text);
  return true;
}

/** Citations and tool input would be sent twice. */
function addDelta(state: Delivered, { type, text }: JsonObject): boolean {
  if (type === 'text_delta') state.text += asText(text);
  return type !== 'citations_delta' && type !== 'input_json_delta';
}
