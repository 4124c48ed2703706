// Turns as input items.
import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  Part,
  ReasoningPart,
  RefusalPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
  Turn,
} from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { writeDataUrl } from '#src/protocols/openai/data-url.ts';
import { reasoningItem } from '../stream/reasoning-item.ts';

export function encodeInput(turns: readonly Turn[]): JsonObject[] {
  const customCalls = new Set(turns.flatMap((turn) => turn.parts.flatMap(customCallId)));
  return turns.flatMap((turn) => encodeTurn(turn, customCalls));
}

function customCallId(part: Part): string[] {
  return part.kind === 'tool-call' && part.isCustom === true ? [part.id] : [];
}

/** Adjacent content is one message; calls, results and reasoning are separate items, in their original order. */
function encodeTurn(turn: Turn, customCalls: ReadonlySet<string>): JsonObject[] {
  const items: JsonObject[] = [];
  let content: ContentPart[] = [];
  const flush = (): void => {
    items.push(...encodeMessages(turn, content));
    content = [];
  };
  for (const part of turn.parts) {
    if (isContentPart(part)) {
      content.push(part);
      continue;
    }
    flush();
    items.push(...encodeItem(part, customCalls));
  }
  flush();
  return items;
}

function encodeItem(
  part: ReasoningPart | ToolCallPart | ToolResultPart,
  customCalls: ReadonlySet<string>,
): JsonObject[] {
  switch (part.kind) {
    case 'reasoning':
      return encodeReasoning(part);
    case 'tool-call':
      return [encodeCall(part)];
    case 'tool-result':
      return [encodeResult(part, customCalls.has(part.callId))];
  }
}

function encodeMessages({ role }: Turn, content: readonly ContentPart[]): JsonObject[] {
  if (role === 'assistant') return content.flatMap(encodeSpoken);
  const isEmpty = content.every((part) => part.kind === 'text' && part.text === '');
  return isEmpty ? [] : [{ role, content: encodeContent(content) }];
}

/**
 * The model's own text goes back as plain text: `output_text` parts belong to stored messages with ids, which a stateless
 * conversation does not have. Generated images are sent as the user's.
 */
function encodeSpoken(part: ContentPart): JsonObject[] {
  if (part.kind === 'text' || part.kind === 'refusal') {
    return part.text === '' ? [] : [{ role: 'assistant', content: part.text }];
  }
  return [{ role: 'user', content: [encodeContentPart(part)] }];
}

/** Reasoning is of use only to the provider that can read its signature. */
function encodeReasoning({ signature, text, id }: ReasoningPart): JsonObject[] {
  if (signature?.origin !== 'openai-responses') return [];
  const { id: _, ...item } = reasoningItem('', text, signature.value);
  return [id === undefined ? item : { id, ...item }];
}

function encodeCall({ id, name, namespace, arguments: input, isCustom }: ToolCallPart): JsonObject {
  const call = { call_id: id, name, ...(namespace === undefined ? {} : { namespace }) };
  if (isCustom === true) return { type: 'custom_tool_call', ...call, input };
  return { type: 'function_call', ...call, arguments: input === '' ? '{}' : input };
}

function encodeResult({ callId, parts }: ToolResultPart, isCustom: boolean): JsonObject {
  const type = isCustom ? 'custom_tool_call_output' : 'function_call_output';
  return { type, call_id: callId, output: encodeContent(parts) };
}

// Content of messages and of tool outputs for a Responses provider.
export type ContentPart = TextPart | RefusalPart | ImagePart | DocumentPart | AudioPart;

const CONTENT_KINDS: ReadonlySet<Part['kind']> = new Set(['text', 'refusal', 'image', 'document', 'audio']);

export function isContentPart(part: Part): part is ContentPart {
  return CONTENT_KINDS.has(part.kind);
}

/** One text is a string; anything else is a list of parts. */
export function encodeContent(parts: readonly ContentPart[]): string | JsonObject[] {
  const [first] = parts;
  if (first === undefined) return '';
  if (parts.length === 1 && first.kind === 'text') return first.text;
  return parts.map(encodeContentPart);
}

/** Cache breakpoints are not sent: older models do not know them, and OpenAI caches automatically. */
export function encodeContentPart(part: ContentPart): JsonObject {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { type: 'input_text', text: part.text };
    case 'image':
      return encodeImage(part);
    case 'document':
      return encodeDocument(part);
    case 'audio':
      return { type: 'input_audio', input_audio: { data: part.data, format: part.format } };
  }
}

/** `detail` is required. */
function encodeImage({ source, detail = 'auto' }: ImagePart): JsonObject {
  switch (source.kind) {
    case 'file-id':
      return { type: 'input_image', file_id: source.id, detail };
    case 'url':
      return { type: 'input_image', image_url: source.url, detail };
    case 'base64':
      return { type: 'input_image', image_url: writeDataUrl(source), detail };
  }
}

function encodeDocument({ source, filename }: DocumentPart): JsonObject {
  switch (source.kind) {
    case 'text':
      return { type: 'input_text', text: source.text };
    case 'file-id':
      return { type: 'input_file', file_id: source.id };
    case 'url':
      return { type: 'input_file', file_url: source.url };
    case 'base64':
      return { type: 'input_file', filename: filename ?? nameOf(source.mediaType), file_data: writeDataUrl(source) };
  }
}

const EXTENSIONS: Readonly<Record<string, string>> = { 'text/plain': 'txt', 'text/markdown': 'md' };

/** The API recognises the type of a file by its name, which is required. */
function nameOf(mediaType: string): string {
  return `document.${EXTENSIONS[mediaType] ?? mediaType.slice(mediaType.indexOf('/') + 1)}`;
}
