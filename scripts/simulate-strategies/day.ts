// A day of five providers, as recorded shapes have it: each has a pace that follows the hours, a tail, errors, and outages. A
// seed makes it the same day every time.

export interface ProviderDay {
  name: string;
  /** USD per request of the usual size. */
  costUsd: number;
  tier: number;
  /** Median time to the first token at night, ms. */
  baseMs: number;
  /** By how much the busiest hour slows it down. */
  rush: number;
  /** Hour (UTC) of its rush. */
  rushHour: number;
  /** Spread of the log-normal: 0.3 is steady, 0.8 has a long tail. */
  spread: number;
  /** Of calls that fail, outside outages. */
  errorRate: number;
  /** From, to (hours), and what part of calls fails, or by what factor they slow down. */
  incidents: readonly { from: number; to: number; failing?: number; slower?: number }[];
}

/**
 * Medians, tails and incidents in the shape of public status pages and latency boards of five kinds of providers: a large one, a
 * large one's cloud, a fast small one, a cheap one, and one that is dear and steady. No provider is meant.
 */
export const DAY: readonly ProviderDay[] = [
  {
    name: 'large',
    costUsd: 0.01,
    tier: 1,
    baseMs: 420,
    rush: 1.9,
    rushHour: 17,
    spread: 0.45,
    errorRate: 0.004,
    incidents: [
      { from: 14.2, to: 15.1, failing: 0.6 },
      { from: 20, to: 20.4, slower: 5 },
    ],
  },
  {
    name: 'cloud',
    costUsd: 0.011,
    tier: 1,
    baseMs: 520,
    rush: 1.4,
    rushHour: 15,
    spread: 0.4,
    errorRate: 0.002,
    incidents: [{ from: 3, to: 3.3, failing: 1 }],
  },
  {
    name: 'fast',
    costUsd: 0.014,
    tier: 2,
    baseMs: 180,
    rush: 2.6,
    rushHour: 18,
    spread: 0.7,
    errorRate: 0.012,
    incidents: [{ from: 9.5, to: 11, slower: 8 }],
  },
  {
    name: 'cheap',
    costUsd: 0.006,
    tier: 2,
    baseMs: 900,
    rush: 2.2,
    rushHour: 13,
    spread: 0.8,
    errorRate: 0.02,
    incidents: [
      { from: 6, to: 8, failing: 0.35 },
      { from: 16, to: 16.5, failing: 1 },
    ],
  },
  {
    name: 'steady',
    costUsd: 0.02,
    tier: 3,
    baseMs: 650,
    rush: 1.1,
    rushHour: 12,
    spread: 0.25,
    errorRate: 0.001,
    incidents: [],
  },
];

export type Random = () => number;

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Call {
  firstTokenMs: number;
  failed: boolean;
}

/** What a call at this hour comes to. A failure is seen sooner than an answer. */
export function callAt(
  { baseMs, rush, rushHour, spread, errorRate, incidents }: ProviderDay,
  hour: number,
  random: Random,
): Call {
  const now = incidents.filter(({ from, to }) => hour >= from && hour < to);
  const slower = now.reduce((factor, incident) => factor * (incident.slower ?? 1), 1);
  const failing = Math.max(errorRate, ...now.map((incident) => incident.failing ?? 0));
  const distance = Math.min(Math.abs(hour - rushHour), 24 - Math.abs(hour - rushHour));
  const load = 1 + (rush - 1) * Math.exp(-((distance / 4) ** 2));
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const firstTokenMs = baseMs * load * slower * Math.exp(spread * normal);
  const failed = random() < failing;
  return { firstTokenMs: failed ? firstTokenMs / 2 : firstTokenMs, failed };
}
