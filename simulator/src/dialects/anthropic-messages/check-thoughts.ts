// Thinking blocks that come back in the history: each must be as it was given, and a tool turn must keep its own where
// thinking has a budget. With adaptive thinking earlier turns need none (platform.claude.com, adaptive thinking, "Validation
// changes"; read 2026-11-28).

import { refuse } from './read-fields.ts';
import type { Thinking } from './read-thinking.ts';
import { isGenuineThought } from './thought-signature.ts';
import { type Block, blocksOf, type Turn } from './turn.ts';

/** Checked whether or not this request lets the model think, as the provider does since October 2025. */
export function checkThoughts(turns: readonly Turn[], model: string, thinking: Thinking): void {
  for (const block of turns.flatMap(({ blocks }) => blocks)) checkBlock(block, model);
  const last = turns.findLast(({ role }) => role === 'assistant');
  if (thinking.isManual && last !== undefined && blocksOf(last, 'tool_use').length > 0) checkBeginning(last);
}

function checkBlock({ type, body, path }: Block, model: string): void {
  if (type === 'thinking' && !isGenuineThought(body, model)) refuse(path, 'Invalid `signature` in `thinking` block');
  // The simulator never redacts, so it has given none.
  if (type === 'redacted_thinking') refuse(path, 'Invalid `data` in `redacted_thinking` block');
}

function checkBeginning({ blocks, path }: Turn): void {
  const type = blocks[0]!.type;
  if (type === 'thinking') return;
  refuse(
    `${path}.content.0.type`,
    `Expected \`thinking\` or \`redacted_thinking\`, but found \`${type}\`. When \`thinking\` is enabled, a final ` +
      '`assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` ' +
      'blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable ' +
      '`thinking`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking',
  );
}
