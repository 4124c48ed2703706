// What a provider out of its mind says: numbers that no counter holds, events that no client expects.
import type { Usage } from '../../../../src/contracts/usage.ts';

/** Seen of real providers: 1e30 and 2e19 tokens. The largest number that JSON can carry is the worst of them. */
const ABSURD_TOKENS = Number.MAX_VALUE;

export function misstated(usage: Usage): Usage {
  return { ...usage, inputTokens: 1e30, outputTokens: ABSURD_TOKENS };
}

/** One event of about so many bytes, in the form of server-sent events. */
export function giantEvent(bytes: number): string {
  return `event: padding\ndata: {"type":"padding","padding":"${'x'.repeat(Math.max(0, bytes - 60))}"}\n\n`;
}
