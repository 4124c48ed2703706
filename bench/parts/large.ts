// Large bodies, one after the other over one connection: duration of each, compared with a direct call, and cost. Without wrk,
// which treats an early answer as the end of its request, and without MONITOR, which would print every body.
import { Pool } from 'undici';
import type { Figures } from '../figures.ts';
import { cpuDuring, residentMiB } from '../processes.ts';
import type { Target } from '../targets.ts';
import { perUnit } from './requests.ts';

const MIB = 1024 * 1024;
const PIECE = 'iVBORw0KGgo';

/** A prompt with an image of that size. */
function bodyOf(mib: number): Buffer {
  const url = `data:image/png;base64,${PIECE.repeat(Math.floor((mib * MIB) / PIECE.length))}`;
  const content = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url } },
  ];
  return Buffer.from(JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }] }));
}

export async function measureLargeBodies(
  figures: Figures,
  target: Target,
  { mib, calls }: { mib: number; calls: number },
): Promise<void> {
  const body = bodyOf(mib);
  const { origin, pathname } = new URL(target.url);
  const pool = new Pool(origin, { connections: 1, headersTimeout: 0, bodyTimeout: 0 });
  const headers = { 'content-type': 'application/json', ...target.headers };
  let errors = 0;
  async function call(): Promise<number> {
    const startedAtMs = performance.now();
    const answer = await pool.request({ method: 'POST', path: pathname, headers, body });
    await answer.body.text();
    if (answer.statusCode !== 200) errors++;
    return performance.now() - startedAtMs;
  }
  await call();
  const timesMs: number[] = [];
  const { cpu } = await cpuDuring(target.processes, async () => {
    for (let n = 0; n < calls; n++) timesMs.push(await call());
  });
  await pool.close();
  timesMs.sort((a, b) => a - b);
  const api = target.processes.find(({ name }) => name === 'api' || name === 'combined');
  figures.note({
    part: `bodies of ${mib} MiB, one at a time`,
    target: target.name,
    median_ms: timesMs[Math.floor(calls / 2)]!,
    errors,
    ...perUnit(cpu, calls),
    ...(api === undefined ? {} : { api_mib: residentMiB(api.pid) }),
  });
}
