// Prompt tokens of a Messages request, and how many of them `cache_control` marks. The order is the cache's own: tools,
// system, messages (docs/reference/anthropic-messages.md section 2).
import {
  BYTES_PER_TOKEN,
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
} from '../../../../src/protocols/providers/token-estimate.ts';
import type { PromptCache } from '../../engine/call.ts';
import { at, type Body, isAbsent, readOneOf, readStrictObject, refuse } from './read-fields.ts';
import type { Block, Turn } from './turn.ts';

export type CacheLifetime = '5m' | '1h';

export interface PromptMeasure {
  promptTokens: number;
  cache: PromptCache;
  /** Lifetime set by the last breakpoint. */
  cacheLifetime: CacheLifetime;
}

const MOST_BREAKPOINTS = 4;
const CACHE_MEMBERS = new Set(['type', 'ttl']);
/** Base64 of a document says little about its text: the broker's own estimate for PDF. */
const BINARY_SHARE = 10;

interface Ruler {
  bytes: number;
  tokens: number;
  /** Tokens before each breakpoint, in order. */
  marks: number[];
  lifetime: CacheLifetime;
}

export function measurePrompt(body: Body, system: readonly Block[], turns: readonly Turn[]): PromptMeasure {
  const ruler: Ruler = { bytes: 0, tokens: TOKENS_PER_MESSAGE, marks: [], lifetime: '5m' };
  const tools = Array.isArray(body.tools) ? body.tools : [];
  for (const [index, tool] of tools.entries()) {
    ruler.bytes += JSON.stringify(tool).length;
    mark(ruler, tool, `tools.${index}`);
  }
  if (system.length > 0) measureTurn(ruler, system);
  for (const { blocks } of turns) measureTurn(ruler, blocks);
  mark(ruler, body, '');
  if (ruler.marks.length > MOST_BREAKPOINTS) {
    refuse(
      '',
      `A maximum of ${MOST_BREAKPOINTS} blocks with cache_control may be provided. Found ${ruler.marks.length}.`,
    );
  }
  return { promptTokens: tokensOf(ruler), cache: cacheOf(ruler), cacheLifetime: ruler.lifetime };
}

/**
 * If a client marks several places, all but the last are assumed to be cached by the previous call: these are read, and the rest
 * is written. The rule is stateless, so that the same request always costs the same.
 */
function cacheOf({ marks }: Ruler): PromptCache {
  return { readTokens: marks.at(-2) ?? 0, markedTokens: marks.at(-1) ?? 0 };
}

function tokensOf({ bytes, tokens }: Ruler): number {
  return tokens + tokensOfBytes(bytes);
}

function mark(ruler: Ruler, owner: Body, path: string): void {
  const control = owner.cache_control;
  if (isAbsent(control)) return;
  const inner = at(path, 'cache_control');
  const { type, ttl } = readStrictObject(control, inner, CACHE_MEMBERS);
  readOneOf(type, at(inner, 'type'), ['ephemeral']);
  ruler.lifetime = isAbsent(ttl) ? '5m' : readOneOf(ttl, at(inner, 'ttl'), ['5m', '1h']);
  ruler.marks.push(tokensOf(ruler));
}

function measureTurn(ruler: Ruler, blocks: readonly Block[]): void {
  ruler.tokens += TOKENS_PER_MESSAGE;
  for (const { type, body, path } of blocks) {
    measureBlock(ruler, type, body);
    mark(ruler, body, at(path, type));
  }
}

function measureBlock(ruler: Ruler, type: string, body: Body): void {
  switch (type) {
    case 'text':
      ruler.bytes += Buffer.byteLength(String(body.text));
      return;
    case 'image':
      ruler.tokens += TOKENS_PER_IMAGE;
      return;
    case 'document':
      ruler.bytes += bytesOfDocument(body.source as Body);
      return;
    case 'tool_result':
      measureResult(ruler, body.content);
      return;
    case 'thinking':
      ruler.bytes += Buffer.byteLength(String(body.thinking));
      return;
    default:
      ruler.bytes += JSON.stringify(body).length;
  }
}

function measureResult(ruler: Ruler, content: unknown): void {
  if (typeof content === 'string') ruler.bytes += Buffer.byteLength(content);
  if (!Array.isArray(content)) return;
  for (const part of content as Body[]) measureBlock(ruler, String(part.type), part);
}

function bytesOfDocument({ type, data, content }: Body): number {
  if (type === 'text') return Buffer.byteLength(String(data));
  if (type === 'base64') return Math.ceil(String(data).length / BINARY_SHARE);
  return content === undefined ? BYTES_PER_TOKEN : JSON.stringify(content).length;
}
