// Symptom: after a process that writes the ledger was killed, an amount was missing or counted twice. Cause: messages that it
// had read were not acknowledged, or were written and delivered again. Fix: a row is inserted once, together with its sums and
// budgets; other processes take over the remaining messages. The short form of `npm run books-proof`: responses and bills are
// compared with all ledgers.
import { afterAll, expect, test } from 'vitest';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { proveBooks } from '../../bench/books/prove.ts';

const LIMIT_MS = 120_000;
const postgres = await startTestPostgres();
afterAll(() => postgres?.stop());

test('ledger, roll-ups, budgets, credits and the bills agree to the picodollar', { timeout: LIMIT_MS }, async () => {
  const progress: string[] = [];
  const proof = await proveBooks({
    requests: 300,
    kills: 2,
    atOnce: 40,
    ...(postgres === null ? {} : { databaseUrl: postgres.url }),
    onProgress: (line) => progress.push(line),
  });
  expect(proof.differences, progress.join('\n')).toEqual([]);
  expect(proof.sums['the providers bill']).toBeGreaterThan(0n);
  expect(proof.sums['charges in the ledger']).toBeGreaterThan(0n);
  expect(proof.faults).toBeGreaterThan(0);
  expect(proof.statuses['200']).toBeGreaterThan(250);
});
