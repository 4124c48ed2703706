// Absurd output of a broken provider: impossible token counts, giant events.
import type { Usage } from '../../../../src/contracts/usage.ts';

/** Real providers have sent 1e30 and 2e19 tokens. The largest double is the worst case. */
const ABSURD_TOKENS = Number.MAX_VALUE;

export function misstated(usage: Usage): Usage {
  return { ...usage, inputTokens: 1e30, outputTokens: ABSURD_TOKENS };
}

/** One server-sent event of about this many bytes. */
export function giantEvent(bytes: number): string {
  return `event: padding\ndata: {"type":"padding","padding":"${'x'.repeat(Math.max(0, bytes - 60))}"}\n\n`;
}
