// Compares Sluice with a direct call, an older commit of Sluice and other gateways, in one run: same machine, same cheap
// upstream, same load. Prints figures, asserts nothing.
//
//   npm run bench -- [--only PART]… [--base COMMIT] [--peers] [--seconds 8] [--rounds 3] [--streams 400] [--large-calls 70]
//
// Parts: throughput, latency, streams, memory, large, scale, waiting, idle. Results: bench/results/latest.md.
import { parseArgs } from 'node:util';
import { type Checkout, CURRENT, checkOut } from './checkouts.ts';
import { createFigures } from './figures.ts';
import { measureIdle } from './parts/idle.ts';
import { LARGE_KINDS, largeBodiesConfiguration, measureLargeBodies } from './parts/large.ts';
import { measureRequests } from './parts/requests.ts';
import { measureOpenStreams, measureStreams } from './parts/streams.ts';
import { measureWaiting } from './parts/waiting.ts';
import { startLiteLlm, startPortkey } from './peers.ts';
import { directTarget, type SluiceOptions, startBareProxy, startSluice, type Target } from './targets.ts';
import {
  FIXED_PORT,
  PACED_PORT,
  READING_PORT,
  startFixedUpstream,
  startPacedUpstream,
  startReadingUpstream,
} from './upstreams.ts';

const PARTS = ['throughput', 'latency', 'streams', 'memory', 'large', 'scale', 'waiting', 'idle'] as const;
const TOKENS = 100;
const PACE_MS = 10;
const OPEN_STREAMS = 1_000;
const LARGE_MIB = [5, 15];
const FLEETS = [1, 2, 4];
const MANY_PROVIDERS = 1_000;
const WAITING = 100_000;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    base: { type: 'string' },
    peers: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    // Too few to saturate the machine, so that the cost per chunk does not depend on how many arrive together.
    streams: { type: 'string', default: '400' },
    waiting: { type: 'string', default: String(WAITING) },
    'large-calls': { type: 'string', default: '70' },
    'portkey-node': { type: 'string', default: process.execPath },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const parts = new Set<string>(values.only ?? PARTS);
for (const part of parts) {
  if (!(PARTS as readonly string[]).includes(part)) {
    console.error(`no such part: ${part}; there are ${PARTS.join(', ')}`);
    process.exit(2);
  }
}
const checkouts: Checkout[] = [CURRENT, ...(values.base === undefined ? [] : [checkOut(values.base)])];
/** A combined process for both tiers, and separate processes. */
const LAYOUTS: SluiceOptions[] = [
  { checkout: CURRENT, isCombined: true },
  ...checkouts.map((checkout) => ({ checkout })),
];
const figures = createFigures(`${rounds} rounds of ${seconds} s`);

/** All targets of a part run at the same time and are measured in turns, so that other load affects all of them alike. */
async function compare(
  upstreamPort: number,
  measure: (target: Target) => Promise<void>,
  { hasDirect = true, ...options }: SluiceOptions & { hasDirect?: boolean } = {},
): Promise<void> {
  const targets: Target[] = hasDirect ? [directTarget(upstreamPort)] : [];
  try {
    for (const [place, layout] of LAYOUTS.entries()) {
      targets.push(await startSluice(upstreamPort, { ...options, ...layout, place }));
    }
    if (values.peers) {
      targets.push(await startBareProxy(upstreamPort));
      targets.push(await startPortkey(upstreamPort, values['portkey-node']), await startLiteLlm(upstreamPort));
    }
    for (let round = 0; round < rounds; round++) for (const target of targets) await measure(target);
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

if (parts.has('throughput') || parts.has('latency')) {
  const upstream = await startFixedUpstream();
  await compare(FIXED_PORT, async (target) => {
    const measure = (part: string, connections: number) =>
      measureRequests(figures, target, upstream, { part, connections, seconds });
    if (parts.has('throughput')) await measure('32 connections', 32);
    if (parts.has('latency')) await measure('1 connection', 1);
  });
  await upstream.stop();
}

if (parts.has('streams')) {
  const upstream = await startPacedUpstream(TOKENS, PACE_MS);
  await compare(PACED_PORT, (target) =>
    measureStreams(figures, target, upstream, { streams: Number(values.streams), seconds }),
  );
  await upstream.stop();
}

if (parts.has('memory')) {
  for (const layout of LAYOUTS) {
    const upstream = await startPacedUpstream(400, 20);
    const target = await startSluice(PACED_PORT, layout);
    await measureOpenStreams(figures, target, OPEN_STREAMS);
    await target.stop();
    await upstream.stop();
  }
}

if (parts.has('large')) {
  const upstream = await startReadingUpstream();
  const calls = Number(values['large-calls']);
  await compare(
    READING_PORT,
    async (target) => {
      for (const mib of LARGE_MIB) await measureLargeBodies(figures, target, { mib, calls, kind: 'openai-chat' });
      for (const kind of LARGE_KINDS.slice(1)) await measureLargeBodies(figures, target, { mib: 5, calls, kind });
    },
    { configuration: largeBodiesConfiguration(READING_PORT) },
  );
  await upstream.stop();
}

if (parts.has('scale')) {
  const upstream = await startFixedUpstream();
  for (const size of FLEETS) {
    await compare(
      FIXED_PORT,
      (target) =>
        measureRequests(figures, target, upstream, {
          part: `${size} API and ${size} worker processes`,
          connections: 32,
          seconds,
        }),
      { apis: size, workers: size, hasDirect: false },
    );
  }
  await upstream.stop();
}

if (parts.has('waiting')) {
  for (const layout of LAYOUTS) await measureWaiting(figures, layout, Number(values.waiting));
}

if (parts.has('idle')) {
  for (const checkout of checkouts) {
    await measureIdle(figures, checkout, 1);
    await measureIdle(figures, checkout, MANY_PROVIDERS);
  }
}

figures.write();
process.exit(0);
