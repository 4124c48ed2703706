// Figures as one line of `name=value`: easy to read, easy to take apart.

export function print(figures: Record<string, unknown>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name}=${textOf(value)}`);
  console.log(parts.join('  '));
}

function textOf(value: unknown): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value);
  return value.toFixed(value < 10 ? 2 : 0);
}

/** Of sorted or unsorted numbers; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
