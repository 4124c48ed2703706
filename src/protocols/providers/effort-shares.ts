/**
 * Thinking budget of each effort as a share of the longest answer, for models that take a budget instead (@ai-sdk/anthropic
 * 4.0.105, and the AI SDK's table for Gemini: docs/reference/openai-chat.md section 8). Absent for unknown efforts.
 */
export const EFFORT_SHARES: Readonly<Record<string, number>> = {
  minimal: 0.02,
  low: 0.1,
  medium: 0.3,
  high: 0.6,
  xhigh: 0.9,
  max: 0.95,
};
