// Symptom: after a process that writes the ledger was killed, an amount was missing or counted twice. Cause: what it had read was not
// acknowledged, or was written and came again. Fix: a row is inserted once, its sums and budgets with it; others take over what was
// left. The short form of `npm run books-proof`: what the client received and what was billed are held against all books.
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
