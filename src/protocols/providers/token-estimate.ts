// Estimates token counts where there are no exact ones: before a call (limits, admission) and after a cut one (billing). One
// token per started four bytes of text is the rule that OpenAI's own limiter uses for its estimate (guide "Rate limits");
// it is low for code and CJK text, high for plain English.

export const BYTES_PER_TOKEN = 4;
/** Role, separators and the priming of the answer, per message (OpenAI cookbook, "How to count tokens"). */
export const TOKENS_PER_MESSAGE = 4;
/** An image of unknown size. */
export const TOKENS_PER_IMAGE = 800;

export function tokensOfBytes(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

export function tokensOfText(text: string): number {
  return tokensOfBytes(Buffer.byteLength(text));
}
