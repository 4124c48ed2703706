// Unstreamed requests: throughput, latency, CPU per process, and the work of Redis.
import type { Figures } from '../figures.ts';
import { runWrk, type WrkLoad } from '../load-wrk.ts';
import { cpuDuring, type Measured } from '../processes.ts';
import { commandsDuring, type ScriptWork, scriptsDuring } from '../redis-stats.ts';
import type { Target } from '../targets.ts';

const WARM_UP_SECONDS = 3;
const COUNTED_SECONDS = 1;

export interface RequestLoad extends WrkLoad {
  part: string;
}

export async function measureRequests(
  figures: Figures,
  target: Target,
  upstream: Measured,
  { part, ...load }: RequestLoad,
): Promise<void> {
  await runWrk(target, { ...load, seconds: WARM_UP_SECONDS });
  const work = () => cpuDuring([...target.processes, upstream], () => runWrk(target, load));
  const { redisPort } = target;
  const { result, scripts } =
    redisPort === null ? { result: await work(), scripts: null } : await scriptsDuring(redisPort, work);
  const { requests, perSecond, medianMs, p99Ms, errors } = result.result;
  figures.note({
    part,
    target: target.name,
    connections: String(load.connections),
    rps: perSecond,
    median_ms: medianMs,
    p99_ms: p99Ms,
    errors,
    ...perUnit(result.cpu, requests),
    ...(redisPort === null ? {} : await redisFigures(redisPort, scripts!, requests, target, load)),
  });
}

/** Microseconds of CPU per unit of work, by process; the total excludes the upstream. */
export function perUnit(cpu: Record<string, number>, units: number): Record<string, number> {
  const own = Object.entries(cpu).map(([name, spent]) => [`${name}_us`, (spent / units) * 1e6] as const);
  const total = own.filter(([name]) => name !== 'upstream_us').reduce((sum, [, spent]) => sum + spent, 0);
  return { total_us: total, ...Object.fromEntries(own) };
}

async function redisFigures(port: number, scripts: ScriptWork, requests: number, target: Target, load: WrkLoad) {
  let counted = 0;
  const commands = await commandsDuring(port, async () => {
    counted = (await runWrk(target, { ...load, seconds: COUNTED_SECONDS })).requests;
  });
  return {
    script_us: scripts.us / requests,
    scripts: scripts.calls / requests,
    commands: commands.sent / counted,
    commands_in_scripts: commands.inScripts / counted,
  };
}
