// Prompt tokens by size: text by its bytes, images at a flat rate, other binary parts by a fraction of theirs.
import type { JsonObject } from '../codec.ts';
import { TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokensOfBytes } from '../token-estimate.ts';
import { asObject, asObjects, asText, field } from './wire-values.ts';

/** Base64 of a document says little about its text: a tenth is a middling guess for PDF, and errs high for audio. */
const BINARY_SHARE = 10;

export function estimateInputTokens(request: JsonObject): number {
  const contents = [...asObjects(request.contents), asObject(field(request, 'systemInstruction'))];
  const tools = request.tools === undefined ? 0 : tokensOfBytes(JSON.stringify(request.tools).length);
  return contents.reduce((sum, content) => sum + tokensOfContent(content), TOKENS_PER_MESSAGE) + tools;
}

function tokensOfContent(content: JsonObject | null): number {
  if (content === null) return 0;
  return asObjects(content.parts).reduce((sum, part) => sum + tokensOfPart(part), TOKENS_PER_MESSAGE);
}

function tokensOfPart(part: JsonObject): number {
  if (typeof part.text === 'string') return tokensOfBytes(Buffer.byteLength(part.text));
  const media = asObject(field(part, 'inlineData')) ?? asObject(field(part, 'fileData'));
  if (media === null) return tokensOfBytes(JSON.stringify(part).length);
  const mimeType = asText(field(media, 'mimeType')) ?? '';
  const data = asText(media.data);
  if (mimeType.startsWith('image/') || data === undefined) return TOKENS_PER_IMAGE;
  return tokensOfBytes(mimeType.startsWith('text/') ? (data.length * 3) / 4 : data.length / BINARY_SHARE);
}
