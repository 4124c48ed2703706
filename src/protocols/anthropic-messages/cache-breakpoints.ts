// Anthropic takes four cache breakpoints in a request (docs/reference/anthropic-messages.md section 2). The last ones are
// the ones that save most: a longer prefix holds the shorter ones.
import type { CacheBreakpoint } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { asObject, asObjects, asText } from './loose-json.ts';

const MAX_BREAKPOINTS = 4;
/** An hour is the longest that Anthropic keeps a prefix, five minutes what it does by itself. */
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

/** `blocks` in the order of the prompt; those beyond the limit lose their breakpoint. */
export function limitBreakpoints(blocks: readonly JsonObject[]): void {
  const marked = blocks.flatMap(withInner).filter((block) => block.cache_control !== undefined);
  for (const block of marked.slice(0, Math.max(0, marked.length - MAX_BREAKPOINTS))) delete block.cache_control;
}

/** Tool results hold blocks of their own. */
function withInner(block: JsonObject): JsonObject[] {
  return block.type === 'tool_result' ? [...asObjects(block.content), block] : [block];
}
