// Sluice beside a direct call and beside Portkey's gateway, in one run: same machine, same cheap upstream, same load.
// Prints figures, asserts nothing. `npm run bench -- --only streams --seconds 8 --rounds 3`
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import type { StreamResult } from './load-streams.ts';
import { runWrk } from './load-wrk.ts';
import { cpuDuring, type Measured, residentMiB } from './processes.ts';
import { directTarget, startPortkey, startSluice, type Target } from './targets.ts';
import { FIXED_PORT, PACED_PORT, startFixedUpstream, startPacedUpstream } from './upstreams.ts';

const PARTS = ['throughput', 'latency', 'streams', 'memory'] as const;
const STREAMS = 400;
const TOKENS = 100;
const PACE_MS = 10;
const OPEN_STREAMS = 1_000;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    'portkey-node': { type: 'string', default: process.execPath },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const parts = new Set<string>(values.only ?? PARTS);
const figures: Record<string, unknown>[] = [];

function note(figure: Record<string, unknown>): void {
  figures.push(figure);
  console.log(
    Object.entries(figure)
      .map(([name, value]) => `${name}=${format(value)}`)
      .join('  '),
  );
}

function format(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(value < 10 ? 2 : 0) : String(value);
}

/** Microseconds of CPU for each unit of work, by process. */
function perUnit(cpu: Record<string, number>, units: number): Record<string, number> {
  const own = Object.entries(cpu).map(([name, spent]) => [`${name}_us`, (spent / units) * 1e6] as const);
  const total = own.filter(([name]) => name !== 'upstream_us').reduce((sum, [, spent]) => sum + spent, 0);
  return { ...Object.fromEntries(own), total_us: total };
}

async function commandsSoFar(port: number): Promise<number> {
  const redis = new Redis({ port, host: '127.0.0.1' });
  const stats = await redis.info('commandstats');
  redis.disconnect();
  // What clients sent: commands inside scripts are counted by Redis as well, scripts by their own name.
  const sent = [
    ...stats.matchAll(
      /^cmdstat_(evalsha|eval|bzpopmin|set|get|hset|hgetall|xadd|unlink|pexpire|ping|ssubscribe|spublish|xreadgroup|xack|xdel|time):calls=(\d+)/gm,
    ),
  ];
  const outside = new Set(['evalsha', 'eval', 'bzpopmin', 'unlink', 'xreadgroup', 'xack', 'hgetall']);
  return sent.filter(([, name]) => outside.has(name!)).reduce((sum, [, , calls]) => sum + Number(calls), 0);
}

async function unstreamed(target: Target, upstream: Measured, connections: number, part: string): Promise<void> {
  await runWrk(target, connections, 2);
  const before = target.redisPort === null ? 0 : await commandsSoFar(target.redisPort);
  const { result, cpu } = await cpuDuring([...target.processes, upstream], () => runWrk(target, connections, seconds));
  const commands =
    target.redisPort === null
      ? {}
      : { redis_commands: ((await commandsSoFar(target.redisPort)) - before) / result.requests };
  const { requests, perSecond, medianMs, p99Ms, errors } = result;
  note({
    part,
    target: target.name,
    connections,
    rps: perSecond,
    median_ms: medianMs,
    p99_ms: p99Ms,
    errors,
    ...perUnit(cpu, requests),
    ...commands,
  });
}

function runStreams(target: Target, streams: number, forSeconds: number): Promise<StreamResult> {
  const entry = fileURLToPath(new URL('load-streams.ts', import.meta.url));
  const load = JSON.stringify({ url: target.url, headers: target.headers, streams, seconds: forSeconds });
  const child = spawn(process.execPath, [entry, load], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) =>
      code === 0 ? resolve(JSON.parse(output) as StreamResult) : reject(new Error('load failed')),
    );
  });
}

async function streamed(target: Target, upstream: Measured): Promise<void> {
  await runStreams(target, STREAMS, 1);
  const { result, cpu } = await cpuDuring([...target.processes, upstream], () => runStreams(target, STREAMS, seconds));
  note({
    part: 'streams',
    target: target.name,
    streams: STREAMS,
    chunks_per_s: result.chunksPerSecond,
    first_p50_ms: result.firstP50Ms,
    first_p99_ms: result.firstP99Ms,
    finished: result.finished,
    failed: result.failed,
    ...perUnit(cpu, result.chunks),
    client_us: (result.cpuSeconds / result.chunks) * 1e6,
  });
}

async function compare(
  upstreamPort: number,
  upstream: Measured,
  measure: (target: Target) => Promise<void>,
): Promise<void> {
  const portkey = await startPortkey(upstreamPort, values['portkey-node']);
  const targets = [directTarget(upstreamPort), await startSluice(upstreamPort), portkey];
  try {
    for (let round = 0; round < rounds; round++) for (const target of targets) await measure(target);
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
    await upstream.stop();
  }
}

async function memory(): Promise<void> {
  const upstream = await startPacedUpstream(400, 20);
  const target = await startSluice(PACED_PORT);
  const redis = new Redis({ port: target.redisPort!, host: '127.0.0.1' });
  const usedMiB = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]) / 1024 / 1024;
  const look = async (open: number) =>
    note({
      part: 'memory',
      target: 'sluice',
      open_streams: open,
      ...Object.fromEntries(target.processes.map(({ name, pid }) => [`${name}_mib`, residentMiB(pid)])),
      redis_used_mib: await usedMiB(),
    });
  await runStreams(target, 50, 1);
  await look(0);
  const running = runStreams(target, OPEN_STREAMS, 1);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  await look(OPEN_STREAMS);
  await running;
  await look(0);
  redis.disconnect();
  await target.stop();
  await upstream.stop();
}

console.log(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}; ${rounds} rounds of ${seconds} s, CPU in µs per request or chunk\n`,
);
if (parts.has('throughput') || parts.has('latency')) {
  const upstream = await startFixedUpstream();
  await compare(FIXED_PORT, upstream, async (target) => {
    if (parts.has('throughput')) await unstreamed(target, upstream, 32, 'throughput');
    if (parts.has('latency')) await unstreamed(target, upstream, 1, 'latency');
  });
}
if (parts.has('streams')) {
  const upstream = await startPacedUpstream(TOKENS, PACE_MS);
  await compare(PACED_PORT, upstream, (target) => streamed(target, upstream));
}
if (parts.has('memory')) await memory();
mkdirSync(new URL('results/', import.meta.url), { recursive: true });
const path = fileURLToPath(new URL(`results/${new Date().toISOString().replace(/[:.]/g, '-')}.json`, import.meta.url));
writeFileSync(path, `${JSON.stringify(figures, null, 2)}\n`);
console.log(`\nwritten to ${path}`);
process.exit(0);
