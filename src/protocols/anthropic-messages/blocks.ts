// The members of content blocks that every reader of answers needs.

import type { CacheBreakpoint, Citation } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { asObject, asObjects, asText, defined } from './loose-json.ts';

function bytesOf(value: unknown): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : 0;
}

/** Bytes of generated text in a whole answer: what an estimate of output tokens counts. */
export function contentBytes(content: unknown): number {
  return asObjects(content).reduce((sum, block) => sum + blockBytes(block), 0);
}

function blockBytes({ type, text, thinking, name, input }: JsonObject): number {
  if (type !== 'tool_use') return bytesOf(text) + bytesOf(thinking);
  return bytesOf(name) + Buffer.byteLength(JSON.stringify(input ?? {}));
}

/** Bytes of generated text in one `content_block_delta`; signatures are not generated. */
export function deltaBytes({ text, thinking, partial_json: json }: JsonObject): number {
  return bytesOf(text) + bytesOf(thinking) + bytesOf(json);
}

// Anthropic accepts four cache breakpoints in a request (docs/reference/anthropic-messages.md section 2). The last ones are
// kept, because a longer prefix includes the shorter ones.

const MAX_BREAKPOINTS = 4;
/** Anthropic keeps a prefix for an hour at most, and for five minutes by default. */
const DEFAULT_TTL_SECONDS = 300;
const TTL_SECONDS: Readonly<Record<string, number>> = { '5m': 300, '1h': 3_600 };

interface Marked {
  cacheBreakpoint?: CacheBreakpoint;
}

export function cacheControl({ cacheBreakpoint }: Marked): JsonObject {
  if (cacheBreakpoint === undefined) return {};
  const isLong = (cacheBreakpoint.ttlSeconds ?? 0) > DEFAULT_TTL_SECONDS;
  return { cache_control: { type: 'ephemeral', ...(isLong ? { ttl: '1h' } : {}) } };
}

export function readCacheControl({ cache_control: value }: JsonObject): Marked {
  const control = asObject(value);
  if (control === null) return {};
  const ttlSeconds = TTL_SECONDS[asText(control.ttl)];
  return { cacheBreakpoint: ttlSeconds === undefined ? {} : { ttlSeconds } };
}

/** `blocks` in the order of the prompt; the earliest beyond the limit lose their breakpoint. */
export function limitBreakpoints(blocks: readonly JsonObject[]): void {
  const marked = blocks.flatMap(withInner).filter((block) => block.cache_control !== undefined);
  for (const block of marked.slice(0, Math.max(0, marked.length - MAX_BREAKPOINTS))) delete block.cache_control;
}

/** Tool results hold blocks of their own. */
function withInner(block: JsonObject): JsonObject[] {
  return block.type === 'tool_result' ? [...asObjects(block.content), block] : [block];
}

// Citations. Anthropic cites for a whole text block and locates the quotation in its source; the canonical form names the
// source and, where it can, the supported text.

/** `text` is the block that the citation supports: all of it. */
export function decodeCitation(citation: JsonObject, text: string): Citation {
  // `search_result_location` calls its address `source`.
  const url = asText(citation.url) || asText(citation.source);
  const title = asText(citation.title) || asText(citation.document_title);
  return defined({
    url: url || undefined,
    title: title || undefined,
    citedText: asText(citation.cited_text) || undefined,
    startIndex: 0,
    endIndex: text.length,
  });
}

/** Anthropic has a citation type for each kind of source. Other providers' are written as web or document citations. */
export function encodeCitation({ url, title, citedText = '' }: Citation): JsonObject {
  if (url !== undefined) {
    return {
      type: 'web_search_result_location',
      url,
      title: title ?? null,
      cited_text: citedText,
      encrypted_index: '',
    };
  }
  return {
    type: 'char_location',
    cited_text: citedText,
    document_index: 0,
    document_title: title ?? null,
    start_char_index: 0,
    end_char_index: citedText.length,
    file_id: null,
  };
}

// Anthropic takes `[a-zA-Z0-9_-]` in the ids of calls. Other providers' ids have more (`functions.get_weather:0`): for
// clients each other character is escaped as `_x<code point>_`, and unescaped when the client sends the id back.

/** An underscore is escaped too if it would begin a text that looks like an escape. */
const STRANGE = /[^a-zA-Z0-9_-]|_(?=x[0-9a-f]+[^a-zA-Z0-9-])/gu;
const ESCAPE = /_x([0-9a-f]{1,6})_/g;
const LAST_CODE_POINT = 0x10ffff;

/** Different texts give different identifiers. */
export function escapeIdentifier(text: string): string {
  return text.replace(STRANGE, (character) => `_x${character.codePointAt(0)!.toString(16)}_`);
}

export function unescapeIdentifier(identifier: string): string {
  return identifier.replace(ESCAPE, (escaped, hex: string) => {
    const codePoint = Number.parseInt(hex, 16);
    return codePoint > LAST_CODE_POINT ? escaped : String.fromCodePoint(codePoint);
  });
}
