// CPU per request of this checkout and an older commit, in many short rounds that alternate between the two. Prints the minimum
// and the median over the rounds: on a machine with other work the minimum changes least.
//
//   node bench/cost.ts --base COMMIT [--connections 32,1] [--rounds 20] [--seconds 1]
//
// CPU time comes from /proc (nanoseconds, all threads). Instructions would be a better measure, but the virtual machines that
// this is developed on have no hardware counters.
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CURRENT, checkOut } from './checkouts.ts';
import { runWrk } from './load-wrk.ts';
import { startSluice, type Target } from './targets.ts';
import { FIXED_PORT, startFixedUpstream } from './upstreams.ts';

const WARM_UP_SECONDS = 5;

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    connections: { type: 'string', default: '32,1' },
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '1' },
  },
});
if (values.base === undefined) {
  console.error('--base COMMIT is missing: the commit to compare with');
  process.exit(2);
}

/** Microseconds of CPU that a process has used so far. A thread that ends takes its time with it; these processes keep theirs. */
function cpuUs(pid: number): number {
  const spent = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(ns);
  });
  return spent.reduce((sum, ns) => sum + ns, 0) / 1_000;
}

/** Microseconds per request, by process. */
type Cost = Record<string, number>;

async function measure(target: Target, connections: number): Promise<Cost> {
  const before = target.processes.map(({ pid }) => cpuUs(pid));
  const { requests, medianMs } = await runWrk(target, { connections, seconds: Number(values.seconds) });
  const each = target.processes.map(({ name, pid }, at) => [name, (cpuUs(pid) - before[at]!) / requests] as const);
  const total = each.reduce((sum, [, us]) => sum + us, 0);
  return { ...Object.fromEntries(each), total, 'median ms': medianMs };
}

function summary(costs: readonly Cost[], name: string): { least: number; median: number } {
  const sorted = costs.map((cost) => cost[name]!).sort((a, b) => a - b);
  return { least: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

const upstream = await startFixedUpstream();
const targets: Target[] = [];
for (const [place, checkout] of [checkOut(values.base), CURRENT].entries()) {
  targets.push(await startSluice(FIXED_PORT, { checkout, isCombined: true, place }));
}
const [base, current] = targets as [Target, Target];
for (const connections of values.connections.split(',').map(Number)) {
  for (const target of targets) await runWrk(target, { connections, seconds: WARM_UP_SECONDS });
  const costs = new Map<Target, Cost[]>(targets.map((target) => [target, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    // Neither always runs right after the other.
    for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
      costs.get(target)!.push(await measure(target, connections));
    }
  }
  console.log(`${connections} connections: ${base.name} → ${current.name}`);
  for (const name of Object.keys(costs.get(base)![0]!)) {
    const [old, now] = [base, current].map((target) => summary(costs.get(target)!, name)) as [Summary, Summary];
    const compared = (which: keyof Summary) =>
      `${which} ${old[which].toFixed(2)} → ${now[which].toFixed(2)} (${(now[which] / old[which]).toFixed(3)})`;
    console.log(`  ${name.padEnd(10)} ${compared('least')}   ${compared('median')}`);
  }
}
await Promise.all(targets.map((target) => target.stop()));
await upstream.stop();
process.exit(0);

type Summary = ReturnType<typeof summary>;
