// Prompt tokens by size: text by its bytes, images at a flat rate, documents by a fraction of their bytes.
import type { JsonObject } from '../codec.ts';
import { TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokensOfBytes, tokensOfText } from '../token-estimate.ts';
import { asObject, asObjects, asText } from './loose-json.ts';

/** Base64 of a document says little about its text: a tenth is a middling guess for PDF. */
const BINARY_SHARE = 10;

export function estimateInputTokens({ system, messages, tools }: JsonObject): number {
  const hasTools = Array.isArray(tools) && tools.length > 0;
  return (
    TOKENS_PER_MESSAGE +
    tokensOfContent(system) +
    asObjects(messages).reduce((sum, { content }) => sum + TOKENS_PER_MESSAGE + tokensOfContent(content), 0) +
    (hasTools ? tokensOfText(JSON.stringify(tools)) : 0)
  );
}

function tokensOfContent(content: unknown): number {
  if (typeof content === 'string') return tokensOfText(content);
  return asObjects(content).reduce((sum, block) => sum + tokensOfBlock(block), 0);
}

function tokensOfBlock(block: JsonObject): number {
  switch (block.type) {
    case 'text':
      return tokensOfText(asText(block.text));
    case 'image':
      return TOKENS_PER_IMAGE;
    case 'document':
      return tokensOfSource(asObject(block.source) ?? {});
    case 'tool_result':
    case 'search_result':
      return tokensOfContent(block.content);
    case 'thinking':
      return tokensOfText(asText(block.thinking));
    case 'redacted_thinking':
      return 0;
    default:
      return tokensOfText(JSON.stringify(block));
  }
}

function tokensOfSource({ type, data, content }: JsonObject): number {
  if (type === 'text') return tokensOfText(asText(data));
  if (type === 'content') return tokensOfContent(content);
  return tokensOfBytes(asText(data).length / BINARY_SHARE);
}
