// Tests wait for states, never for time.

const POLL_MS = 20;

/** Resolves with the first value that is neither false, null nor undefined; rejects after `limitMs` with `what`. */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  limitMs = 10_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const untilMs = Date.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== false && value !== null && value !== undefined) return value as NonNullable<Exclude<T, false>>;
    if (Date.now() > untilMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
