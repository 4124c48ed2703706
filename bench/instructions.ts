// Instructions per request of the combined process in this checkout and in an older commit, counted by valgrind (callgrind). V8
// compiles and collects on its main thread here, so that other work on the machine changes less than with any measure of time; what
// timers do is still counted, and is more per request where requests take longer. The kernel's part (sockets) and cache misses are
// missing, so a change must also be measured in time (bench/run.ts). callgrind_annotate names what V8's own functions cost.
//
//   node bench/instructions.ts --base COMMIT [--connections 1,8] [--warm 3000] [--requests 400]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { type Checkout, CURRENT, checkOut } from './checkouts.ts';
import { startSluice, type Target } from './targets.ts';
import { startFixedUpstream } from './upstreams.ts';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    connections: { type: 'string', default: '1,8' },
    // V8 compiles what runs often; before that a request takes several times as many instructions.
    warm: { type: 'string', default: '3000' },
    requests: { type: 'string', default: '400' },
  },
});

/** Apart from those of the other benchmarks, which may run at the same time: counts do not suffer from it. */
const UPSTREAM_PORT = 19_104;
const PLACE = 7;
/** Otherwise it depends on the other work on the machine how soon V8's threads have compiled what runs often. */
const NODE_OPTIONS = ['--single-threaded'];

const BODY = JSON.stringify({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'Write a haiku about the ocean, and one about the mountains.' }],
});

async function load({ url, headers }: Target, connections: number, requests: number): Promise<void> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections, headersTimeout: 0 });
  let left = requests;
  const one = async () => {
    while (left-- > 0) {
      const answer = await pool.request({
        path: pathname,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: BODY,
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  await pool.close();
}

function control(pid: number, ...args: string[]): void {
  const { status, stderr } = spawnSync('callgrind_control', [...args, String(pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`callgrind_control ${args.join(' ')}: ${stderr}`);
}

/** Instructions per request, by number of connections. */
async function count(checkout: Checkout): Promise<number[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const runBy = [
    'valgrind',
    '--tool=callgrind',
    '--instr-atstart=no',
    '--smc-check=all-non-file',
    `--callgrind-out-file=${directory}/out.%p.%n`,
  ];
  const launch = { runBy, nodeOptions: NODE_OPTIONS, place: PLACE };
  const target = await startSluice(UPSTREAM_PORT, { checkout, isCombined: true, ...launch });
  const { pid } = target.processes.find(({ name }) => name === 'combined')!;
  const counted: number[] = [];
  for (const connections of values.connections.split(',').map(Number)) {
    await load(target, connections, Number(values.warm));
    control(pid, '--instr=on');
    await load(target, connections, Number(values.requests));
    control(pid, '--instr=off');
    control(pid, '--dump');
    const dumps = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
    counted.push(sumOf(dumps) / Number(values.requests));
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
  }
  await target.stop();
  rmSync(directory, { recursive: true, force: true });
  return counted;
}

function sumOf(dumps: readonly string[]): number {
  return dumps.reduce((sum, dump) => sum + Number(/^totals: (\d+)/m.exec(dump)?.[1] ?? 0), 0);
}

const upstream = await startFixedUpstream(UPSTREAM_PORT);
const checkouts = [...(values.base === undefined ? [] : [checkOut(values.base)]), CURRENT];
for (const checkout of checkouts) {
  const each = await count(checkout);
  const shown = each.map((number) => `${Math.round(number / 1_000)}k`);
  console.log(`${checkout.name}: ${shown.join(' · ')} instructions per request at ${values.connections} connections`);
}
await upstream.stop();
process.exit(0);
