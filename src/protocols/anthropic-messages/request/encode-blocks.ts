// Parts of a turn as content blocks: one small function for each kind.
import type {
  DocumentPart,
  ImagePart,
  MediaSource,
  Part,
  ReasoningPart,
  Role,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '#src/contracts/inference-request.ts';
import { inputOf } from '#src/protocols/anthropic-messages/answer/encode-answer.ts';
import { cacheControl } from '#src/protocols/anthropic-messages/blocks.ts';
import { defined } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { Encoding } from '#src/protocols/anthropic-messages/models.ts';
import type { JsonObject } from '#src/protocols/codec.ts';

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

/** Texts of white space alone are refused ("text content blocks must contain non-whitespace text"). */
function encodeText(part: TextPart): JsonObject[] {
  return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text, ...cacheControl(part) }];
}

function encodeMedia(part: Extract<Part, { kind: 'image' | 'document' }>, role: Role, encoding: Encoding) {
  if (role !== 'user') encoding.refuse('messages', `accepts ${part.kind}s only in messages of the user`);
  const blocks = part.kind === 'image' ? encodeImage(part, encoding) : encodeDocument(part, encoding);
  return blocks.map((block) => ({ ...block, ...cacheControl(part) }));
}

/** Only what Anthropic has signed may go back to it. */
function encodeThought({ text, signature, isRedacted }: ReasoningPart): JsonObject[] {
  if (signature?.origin !== 'anthropic-messages') return [];
  if (isRedacted) return [{ type: 'redacted_thinking', data: signature.value }];
  return [{ type: 'thinking', thinking: text, signature: signature.value }];
}

/** Ids are adapted where calls and results are paired. */
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

// Images and documents for Anthropic: by bytes, by address, by its own files.

const IMAGE_TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);
const PDF = 'application/pdf';
/** Types whose bytes are a text that the model can be shown. */
const TEXT_TYPE = /^text\/|^application\/(json|xml|yaml|javascript)$/;
/** Ids of Anthropic's own Files API; it does not know others. */
const OWN_FILE = /^file_/;

function encodeImage({ source }: ImagePart, encoding: Encoding): JsonObject[] {
  if (source.kind !== 'base64') return block('image', encodeReference(source, encoding));
  const mediaType = source.mediaType === 'image/jpg' ? 'image/jpeg' : source.mediaType;
  if (!IMAGE_TYPES.has(mediaType)) {
    encoding.refuse('messages', `accepts images as JPEG, PNG, GIF or WebP, not '${mediaType}'`);
    return [];
  }
  return block('image', { type: 'base64', media_type: mediaType, data: source.data });
}

function encodeDocument({ source, filename }: DocumentPart, encoding: Encoding): JsonObject[] {
  return block('document', encodeDocumentSource(source, encoding), filename);
}

function encodeDocumentSource(source: DocumentPart['source'], encoding: Encoding): JsonObject | null {
  if (source.kind === 'text') return textSource(source.text);
  if (source.kind !== 'base64') return encodeReference(source, encoding);
  const { mediaType, data } = source;
  if (mediaType === PDF) return { type: 'base64', media_type: PDF, data };
  if (TEXT_TYPE.test(mediaType)) return textSource(Buffer.from(data, 'base64').toString());
  encoding.refuse('messages', `accepts documents as PDF or text, not '${mediaType}'`);
  return null;
}

function textSource(data: string): JsonObject {
  return { type: 'text', media_type: 'text/plain', data };
}

function encodeReference(source: Exclude<MediaSource, { kind: 'base64' }>, encoding: Encoding): JsonObject | null {
  if (source.kind === 'url') return { type: 'url', url: source.url };
  if (OWN_FILE.test(source.id)) return { type: 'file', file_id: source.id };
  encoding.refuse('messages', `cannot read the file '${source.id}' of another provider`);
  return null;
}

function block(type: string, source: JsonObject | null, title?: string): JsonObject[] {
  return source === null ? [] : [{ type, source, ...defined({ title }) }];
}
