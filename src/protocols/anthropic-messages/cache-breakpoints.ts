// Anthropic takes four cache breakpoints in a request (reference section 2). The last ones are the ones that save most: a
// longer prefix holds the shorter ones.
import type { JsonObject } from '../codec.ts';
import { asObjects } from './loose-json.ts';

const MAX_BREAKPOINTS = 4;

/** `blocks` in the order of the prompt; those beyond the limit lose their breakpoint. */
export function limitBreakpoints(blocks: readonly JsonObject[]): void {
  const marked = blocks.flatMap(withInner).filter((block) => block.cache_control !== undefined);
  for (const block of marked.slice(0, Math.max(0, marked.length - MAX_BREAKPOINTS))) delete block.cache_control;
}

/** Tool results hold blocks of their own. */
function withInner(block: JsonObject): JsonObject[] {
  return block.type === 'tool_result' ? [...asObjects(block.content), block] : [block];
}
