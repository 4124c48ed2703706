// Many requests that wait for a provider that answers none of them: cost of accepting one, memory, and what an idle fleet does
// meanwhile.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import type { Figures } from '../figures.ts';
import { cpuDuring, cpuSeconds, residentMiB } from '../processes.ts';
import { callsIn, usedMiB } from '../redis-stats.ts';
import { type SluiceOptions, startSluice } from '../targets.ts';

const CONNECTIONS = 32;
/** Enough that by the forecast all are answered before their deadline; otherwise they would be refused. */
const CONCURRENCY = 100;
const WATCHED_MS = 10_000;
const DEADLINE_MS = 24 * 3_600_000;

export async function measureWaiting(figures: Figures, layout: SluiceOptions, requests: number): Promise<void> {
  const silent = createServer((request) => void request.resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const target = await startSluice(port, {
    ...layout,
    configuration: {
      // All are of one key, whose bytes are limited.
      server: { deadline_ms: DEADLINE_MS, waiting_bytes_per_key: 2 ** 30, waiting_bytes: 2 ** 30 },
      models: { '*': { deployments: [{ provider: 'upstream', model: '*', limits: { concurrency: CONCURRENCY } }] } },
    },
  });
  const redisPort = target.redisPort!;
  const { origin, pathname } = new URL(target.url);
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(1_000) }] });
  const headers = { ...target.headers, 'content-type': 'application/json', prefer: 'respond-async' };
  let errors = 0;
  let sent = 0;
  async function send(until: number): Promise<void> {
    while (sent < until) {
      sent++;
      const answer = await pool.request({ method: 'POST', path: pathname, headers, body });
      const text = await answer.body.text();
      if (answer.statusCode !== 202 && ++errors === 1) console.error(`refused: ${answer.statusCode} ${text}`);
    }
  }
  const part = Math.ceil(requests / 10);
  const before = await usedMiB(redisPort);
  for (let tenth = 1; tenth <= 10; tenth++) {
    const startedAtMs = performance.now();
    const until = tenth * part;
    const { cpu } = await cpuDuring(target.processes, async () => {
      await Promise.all(Array.from({ length: CONNECTIONS }, () => send(until)));
    });
    if (tenth > 1 && tenth < 10) continue;
    figures.note({
      part: `${requests} waiting requests, ${tenth === 1 ? 'first' : 'last'} tenth`,
      target: target.name,
      accepted_per_s: part / ((performance.now() - startedAtMs) / 1_000),
      errors,
      ...Object.fromEntries(Object.entries(cpu).map(([name, seconds]) => [`${name}_us`, (seconds / part) * 1e6])),
    });
  }
  const used = (await usedMiB(redisPort)) - before;
  const spent = () => target.processes.map(({ pid }) => cpuSeconds(pid));
  const [calls, cpu] = [await callsIn(redisPort), spent()];
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  const after = spent();
  figures.note({
    part: `${requests} waiting requests, while they wait`,
    target: target.name,
    redis_kib_each: (used * 1024) / requests,
    redis_data_mib: used,
    redis_calls_per_s: ((await callsIn(redisPort)) - calls) / (WATCHED_MS / 1_000),
    ...Object.fromEntries(
      target.processes.flatMap(({ name, pid }, index) => [
        [`${name}_mib`, residentMiB(pid)],
        [`${name}_cpu_percent`, ((after[index]! - cpu[index]!) / (WATCHED_MS / 1_000)) * 100],
      ]),
    ),
  });
  await pool.destroy();
  await target.stop();
  silent.closeAllConnections();
  silent.close();
}
