// Parts of a turn as content blocks: one small function for each kind.
import type {
  Part,
  ReasoningPart,
  Role,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { inputOf } from './encode-answer.ts';
import { encodeDocument, encodeImage } from './encode-media.ts';
import type { Encoding } from './encoding.ts';
import { defined } from './loose-json.ts';

export function encodePart(part: Part, role: Role, encoding: Encoding): JsonObject[] {
  switch (part.kind) {
    case 'text':
      return encodeText(part);
    case 'refusal':
      return encodeText({ kind: 'text', text: part.text });
    case 'image':
    case 'document':
      return encodeMedia(part, role, encoding);
    case 'audio':
      encoding.refuse('messages', 'has no audio input');
      return [];
    case 'reasoning':
      return encodeThought(part);
    case 'tool-call':
      return [encodeCall(part)];
    case 'tool-result':
      return [encodeResult(part, encoding)];
  }
}

/** An hour is the longest that Anthropic keeps a prefix, five minutes what it does by itself. */
const DEFAULT_TTL_SECONDS = 300;

/** Texts without a character that shows are refused ("text content blocks must contain non-whitespace text"). */
export function encodeText({ text, cacheBreakpoint }: TextPart): JsonObject[] {
  if (text.trim() === '') return [];
  if (cacheBreakpoint === undefined) return [{ type: 'text', text }];
  const isLong = (cacheBreakpoint.ttlSeconds ?? 0) > DEFAULT_TTL_SECONDS;
  return [{ type: 'text', text, cache_control: { type: 'ephemeral', ...(isLong ? { ttl: '1h' } : {}) } }];
}

function encodeMedia(part: Extract<Part, { kind: 'image' | 'document' }>, role: Role, encoding: Encoding) {
  if (role !== 'user') encoding.refuse('messages', `takes ${part.kind}s from the user only`);
  return part.kind === 'image' ? encodeImage(part, encoding) : encodeDocument(part, encoding);
}

/** Only what Anthropic has signed may go back to it. */
function encodeThought({ text, signature, isRedacted }: ReasoningPart): JsonObject[] {
  if (signature?.origin !== 'anthropic-messages') return [];
  if (isRedacted) return [{ type: 'redacted_thinking', data: signature.value }];
  return [{ type: 'thinking', thinking: text, signature: signature.value }];
}

/** Ids are made fit where calls and results are paired. */
function encodeCall(call: ToolCallPart): JsonObject {
  return { type: 'tool_use', id: call.id, name: call.name, input: inputOf(call) };
}

function encodeResult({ callId, parts, isError }: ToolResultPart, encoding: Encoding): JsonObject {
  const content = parts.flatMap((part) => encodePart(part, 'user', encoding));
  return {
    type: 'tool_result',
    tool_use_id: callId,
    ...defined({
      content: content.length === 0 ? undefined : content,
      is_error: isError === true ? true : undefined,
    }),
  };
}
