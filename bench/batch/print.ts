// Prints figures as `name=value` in one line of text: easy to read and to parse.

export function print(figures: Record<string, unknown>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name}=${textOf(value)}`);
  console.log(parts.join('  '));
}

function textOf(value: unknown): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value);
  return value.toFixed(value < 10 ? 2 : 0);
}

/** The numbers need not be sorted; NaN if there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
