// `npm run books-proof -- [--requests 100000] [--kills 10] [--stalls 0] [--engine sqlite|postgres]`: checks that ledger, roll-ups,
// budgets, credits and the providers' bills agree to the picodollar after this many requests with faults, kills of the ledger writer
// and stalls of the worker, as on a machine that is too busy. Requests whose cost is not that of their attempts are shown with what
// the logs say of them.
import { parseArgs } from 'node:util';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { proveBooks } from './books/prove.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '10' },
    stalls: { type: 'string', default: '0' },
    engine: { type: 'string', default: 'sqlite' },
    'at-once': { type: 'string', default: '100' },
  },
});
const SHOWN = 50;
const postgres = values.engine === 'postgres' ? await startTestPostgres() : null;
const startedAtMs = Date.now();
const { sums, differences, ...figures } = await proveBooks({
  requests: Number(values.requests),
  kills: Number(values.kills),
  stalls: Number(values.stalls),
  atOnce: Number(values['at-once']),
  ...(postgres === null ? {} : { databaseUrl: postgres.url }),
  onProgress: (line) => console.log(`${Math.round((Date.now() - startedAtMs) / 1_000)} s: ${line}`),
});
await postgres?.stop();
console.log(`${postgres === null ? 'SQLite' : 'PostgreSQL'}: ${JSON.stringify(figures)}`);
for (const [name, value] of Object.entries(sums)) console.log(`${String(value).padStart(24)} pUSD  ${name}`);
for (const difference of differences.slice(0, SHOWN)) console.error(`DIFFERENT ${difference}`);
console.log(differences.length === 0 ? 'everything agrees' : `${differences.length} differences`);
process.exit(differences.length === 0 ? 0 : 1);
