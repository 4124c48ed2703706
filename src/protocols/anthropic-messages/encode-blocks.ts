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
import { cacheControl } from './cache-breakpoints.ts';
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

/** Texts without a character that shows are refused ("text content blocks must contain non-whitespace text"). */
export function encodeText(part: TextPart): JsonObject[] {
  return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text, ...cacheControl(part) }];
}

function encodeMedia(part: Extract<Part, { kind: 'image' | 'document' }>, role: Role, encoding: Encoding) {
  if (role !== 'user') encoding.refuse('messages', `takes ${part.kind}s from the user only`);
  const blocks = part.kind === 'image' ? encodeImage(part, encoding) : encodeDocument(part, encoding);
  return blocks.map((block) => ({ ...block, ...cacheControl(part) }));
}

/** Only what Anthropic has signed may go back to it. */
function encodeThought({ text, signature, isRedacted }: ReasoningPart): JsonObject[] {
  if (signature?.origin !== 'anthropic-messages') return [];
  if (isRedacted) return [{ type: 'redacted_thinking', data: signature.value }];
  return [{ type: 'thinking', thinking: text, signature: signature.value }];
}

/** Ids are made fit where calls and results are paired. */
function encodeCall(call: ToolCallPart): JsonObject {
  return { type: 'tool_use', id: call.id, name: call.name, input: inputOf(call), ...cacheControl(call) };
}

function encodeResult(result: ToolResultPart, encoding: Encoding): JsonObject {
  const { callId, parts, isError } = result;
  const content = parts.flatMap((part) => encodePart(part, 'user', encoding));
  return {
    type: 'tool_result',
    tool_use_id: callId,
    ...defined({
      content: content.length === 0 ? undefined : content,
      is_error: isError === true ? true : undefined,
    }),
    ...cacheControl(result),
  };
}
