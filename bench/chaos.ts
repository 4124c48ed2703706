// Kills processes and Redis at random under mixed load; nothing may be lost, duplicated or reported as complete when it is not.
// With `--mixed` no process is killed, but everything around them fails in turn: Redis rejects writes, SQL is down or refuses
// rows, uploads are cut off, providers send absurd numbers and giant events.
// `--combined N` starts N processes that are API and worker in one, as `sluice start` does (instead of separate tiers, unless
// `--apis` and `--workers` are given too). `--hedged`: the model hedges, so that attempts race and die together.
//
//   npm run chaos -- [--minutes 5] [--clients 200] [--seed N] [--apis 2] [--workers 3] [--combined N] [--hedged] [--mixed]
//
// Exit code 1 with a list of violations.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos/run-chaos.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    clients: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    apis: { type: 'string' },
    workers: { type: 'string' },
    combined: { type: 'string' },
    hedged: { type: 'boolean', default: false },
    'redis-restarts': { type: 'string', default: '2' },
    mixed: { type: 'boolean', default: false },
  },
});
/** With combined processes, none of the two tiers are started unless they are asked for. */
const ofEachTier = (usual: number) => (values.combined === undefined ? usual : 0);
const SHOWN_VIOLATIONS = 100;

console.log(`chaos for ${values.minutes} minutes: ${values.clients} clients, seed ${values.seed}`);
const report = await runChaos({
  durationMs: Number(values.minutes) * 60_000,
  clients: Number(values.clients),
  seed: Number(values.seed),
  apis: Number(values.apis ?? ofEachTier(2)),
  workers: Number(values.workers ?? ofEachTier(3)),
  combined: Number(values.combined ?? 0),
  isHedged: values.hedged,
  redisRestarts: Number(values['redis-restarts']),
  mixesFaults: values.mixed,
  waitsForDrain: true,
  onProgress: (line) => console.log(line),
});
const { violations, books, trace, ...figures } = report;
const { violations: _listed, ...totals } = books;
for (const [name, value] of Object.entries({ ...figures, ...totals })) {
  console.log(`${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`);
}
for (const violation of violations.slice(0, SHOWN_VIOLATIONS)) console.error(`VIOLATION ${violation}`);
if (violations.length > SHOWN_VIOLATIONS) console.error(`… and ${violations.length - SHOWN_VIOLATIONS} more`);
if (trace.length > 0) {
  const path = join(tmpdir(), `sluice-chaos-${values.seed}.log`);
  writeFileSync(path, `${trace.join('\n')}\n`);
  console.log(`log of all processes, with these requests marked by *: ${path}`);
}
console.log(violations.length === 0 ? 'no violations' : `${violations.length} violations`);
process.exit(violations.length === 0 ? 0 : 1);
