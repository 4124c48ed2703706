// Durations as OpenAI's headers and messages write them: `6m0s`, `8.64s`, `54s`, `2ms`.

export function formatGoDuration(durationMs: number): string {
  const ms = Math.ceil(durationMs);
  if (ms === 0) return '0s';
  if (ms < 1_000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
