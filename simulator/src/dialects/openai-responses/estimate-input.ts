// Tokens of a Responses request, by the broker's rule for chat messages (protocols/openai-chat/read-request.ts): every item
// is a message, but for reasoning, which counts nothing.
import {
  BYTES_PER_TOKEN,
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
} from '../../../../src/protocols/providers/token-estimate.ts';
import type { ContentPart, InputItem } from './input-items.ts';

export function estimateInput(items: readonly InputItem[], instructions: string | null): number {
  const said = items.filter(({ kind }) => kind !== 'reasoning' && kind !== 'other');
  const parts = said.flatMap((item) => ('parts' in item ? item.parts : []));
  const messages = 1 + said.length + (instructions === null ? 0 : 1);
  const images = parts.filter(isImage).length;
  const bytes = [instructions ?? '', ...said.map(callText)].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const partBytes = parts.reduce((sum, part) => sum + bytesOf(part), 0);
  return messages * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE + tokensOfBytes(bytes + partBytes);
}

function callText(item: InputItem): string {
  return item.kind === 'call' ? item.name + item.input : '';
}

function isImage({ type }: ContentPart): boolean {
  return type === 'input_image';
}

/** Base64 of a document says little about its text. */
const BINARY_SHARE = 10;

function bytesOf(part: ContentPart): number {
  if (isImage(part)) return 0;
  if (part.text !== null) return Buffer.byteLength(part.text);
  const data = part.body.file_data ?? (part.body.input_audio as { data?: unknown } | undefined)?.data;
  return typeof data === 'string' ? Math.ceil(data.length / BINARY_SHARE) : BYTES_PER_TOKEN;
}
