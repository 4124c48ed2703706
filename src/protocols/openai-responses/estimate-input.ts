// Prompt tokens before the call, by size of the text; images at a flat rate, other binary parts by a share of their bytes.
import type { JsonObject } from '../codec.ts';
import { TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokensOfBytes } from '../providers/token-estimate.ts';
import { isObject, objectOf, textOf } from '../wire/loose-json.ts';

/** Base64 of a document says little about its text: a tenth is a middling guess for PDF, and errs high for audio. */
const BINARY_SHARE = 10;

/** Members of an item or a part that are text to the model. */
const TEXT_MEMBERS = ['content', 'text', 'refusal', 'output', 'arguments', 'input', 'name', 'code', 'query', 'result'];
/** Those that hold lists of parts which are not content. */
const LIST_MEMBERS = ['content', 'output', 'summary'];

interface Size {
  bytes: number;
  tokens: number;
}

/** Over all kinds of items, known or not: what has text in the usual places is counted, what has none costs its frame. */
export function estimateInput(request: JsonObject): number {
  const size: Size = { bytes: 0, tokens: TOKENS_PER_MESSAGE };
  const items = Array.isArray(request.input) ? request.input : [{ content: request.input }];
  for (const item of items) {
    size.tokens += TOKENS_PER_MESSAGE;
    if (isObject(item)) addObject(size, item);
  }
  addText(size, request.instructions);
  for (const member of ['tools', 'text']) addJson(size, request[member]);
  return size.tokens + tokensOfBytes(size.bytes);
}

function addObject(size: Size, object: JsonObject): void {
  // The result of an image generation is the image.
  if (object.type === 'input_image' || object.type === 'image_generation_call') {
    size.tokens += TOKENS_PER_IMAGE;
    return;
  }
  for (const member of TEXT_MEMBERS) addText(size, object[member]);
  for (const member of LIST_MEMBERS) addList(size, object[member]);
  addBinary(size, object.file_data);
  addBinary(size, objectOf(object.input_audio).data);
  addBinary(size, object.encrypted_content);
}

function addList(size: Size, parts: unknown): void {
  if (!Array.isArray(parts)) return;
  for (const part of parts) if (isObject(part)) addObject(size, part);
}

function addText(size: Size, value: unknown): void {
  size.bytes += Buffer.byteLength(textOf(value));
}

function addBinary(size: Size, value: unknown): void {
  size.bytes += Math.ceil(textOf(value).length / BINARY_SHARE);
}

function addJson(size: Size, value: unknown): void {
  if (value !== undefined && value !== null) size.bytes += JSON.stringify(value).length;
}
