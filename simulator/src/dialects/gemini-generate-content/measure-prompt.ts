// Prompt tokens of a generateContent request.
import {
  BYTES_PER_TOKEN,
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
} from '../../../../src/protocols/providers/token-estimate.ts';
import type { Body } from './read-fields.ts';
import type { Part, Turn } from './turn.ts';

export interface PromptMeasure {
  promptTokens: number;
  /** Included in the tokens above. */
  imageTokens: number;
}

/** Base64 says little about its content: the broker's own estimate for PDF. */
const BINARY_SHARE = 10;

export function measurePrompt({ tools }: Body, system: readonly Part[], turns: readonly Turn[]): PromptMeasure {
  const contents = [...(system.length === 0 ? [] : [system]), ...turns.map(({ parts }) => parts)];
  const parts = contents.flat();
  const bytes = parts.reduce((sum, part) => sum + bytesOfPart(part), 0);
  const imageTokens = parts.filter(isImage).length * TOKENS_PER_IMAGE;
  const toolTokens = tools === undefined ? 0 : tokensOfBytes(JSON.stringify(tools).length);
  const promptTokens = TOKENS_PER_MESSAGE * (contents.length + 1) + tokensOfBytes(bytes) + imageTokens + toolTokens;
  return { promptTokens, imageTokens };
}

function isImage({ body }: Part): boolean {
  const media = (body.inlineData ?? body.fileData) as Body | undefined;
  return String(media?.mimeType).startsWith('image/');
}

function bytesOfPart(part: Part): number {
  const { text, inlineData, fileData, functionCall, functionResponse } = part.body;
  if (typeof text === 'string') return Buffer.byteLength(text);
  if (isImage(part)) return 0;
  if (inlineData !== undefined) return Math.ceil(String((inlineData as Body).data).length / BINARY_SHARE);
  if (fileData !== undefined) return BYTES_PER_TOKEN;
  const called = functionCall ?? functionResponse;
  return called === undefined ? BYTES_PER_TOKEN : JSON.stringify(called).length;
}
