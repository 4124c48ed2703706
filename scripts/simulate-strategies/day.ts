// A synthetic day of five providers: each has a latency that varies over the day, a tail, errors, and outages. A fixed seed makes
// the day reproducible.
import type { Call, ProviderFacts, Random, World } from './simulate.ts';

interface Pace {
  /** Median time to the first token at night, ms. */
  baseMs: number;
  /** Slowdown in its busiest hour. */
  rush: number;
  /** Its busiest hour (UTC). */
  rushHour: number;
  /** Sigma of the log-normal distribution: 0.3 is steady, 0.8 has a long tail. */
  spread: number;
  /** Share of calls that fail outside outages. */
  errorRate: number;
}

/** Start and end (hours), and the share of calls that fail or the factor by which they slow down. */
interface Incident {
  from: number;
  to: number;
  failing?: number;
  slower?: number;
}

interface ProviderDay extends ProviderFacts, Pace {
  incidents: readonly Incident[];
}

const MS_PER_HOUR = 3_600_000;
const REQUESTS_PER_HOUR = 4_000;

/** A large provider, its models in a cloud, a small fast one, a cheap one, and an expensive steady one. All are fictitious. */
const DAY: readonly ProviderDay[] = [
  day('large', 1, 0.01, { baseMs: 420, rush: 1.9, rushHour: 17, spread: 0.45, errorRate: 0.004 }, [
    { from: 14.2, to: 15.1, failing: 0.6 },
    { from: 20, to: 20.4, slower: 5 },
  ]),
  day('cloud', 1, 0.011, { baseMs: 520, rush: 1.4, rushHour: 15, spread: 0.4, errorRate: 0.002 }, [
    { from: 3, to: 3.3, failing: 1 },
  ]),
  day('fast', 2, 0.014, { baseMs: 180, rush: 2.6, rushHour: 18, spread: 0.7, errorRate: 0.012 }, [
    { from: 9.5, to: 11, slower: 8 },
  ]),
  day('cheap', 2, 0.006, { baseMs: 900, rush: 2.2, rushHour: 13, spread: 0.8, errorRate: 0.02 }, [
    { from: 6, to: 8, failing: 0.35 },
    { from: 16, to: 16.5, failing: 1 },
  ]),
  day('steady', 3, 0.02, { baseMs: 650, rush: 1.1, rushHour: 12, spread: 0.25, errorRate: 0.001 }, []),
];

function day(name: string, tier: number, costUsd: number, pace: Pace, incidents: readonly Incident[]): ProviderDay {
  return { name, tier, costUsd, ...pace, incidents };
}

export function madeUpDay(): World {
  const days = new Map(DAY.map((provider) => [provider.name, provider]));
  const total = 24 * REQUESTS_PER_HOUR;
  return {
    providers: DAY,
    lengthMs: 24 * MS_PER_HOUR,
    arrivalsMs: Array.from({ length: total }, (_, n) => (n * 24 * MS_PER_HOUR) / total),
    callAt: (name, atMs, random) => callAt(days.get(name)!, (atMs / MS_PER_HOUR) % 24, random),
  };
}

/** The result of a call at this hour. Failures come sooner than answers. */
function callAt(provider: ProviderDay, hour: number, random: Random): Call {
  const { baseMs, rush, rushHour, spread, errorRate, incidents, costUsd } = provider;
  const now = incidents.filter(({ from, to }) => hour >= from && hour < to);
  const slower = now.reduce((factor, incident) => factor * (incident.slower ?? 1), 1);
  const failing = Math.max(errorRate, ...now.map((incident) => incident.failing ?? 0));
  const distance = Math.min(Math.abs(hour - rushHour), 24 - Math.abs(hour - rushHour));
  const load = 1 + (rush - 1) * Math.exp(-((distance / 4) ** 2));
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const firstTokenMs = baseMs * load * slower * Math.exp(spread * normal);
  const failed = random() < failing;
  return { firstTokenMs: failed ? firstTokenMs / 2 : firstTokenMs, failed, costUsd: failed ? 0 : costUsd };
}
