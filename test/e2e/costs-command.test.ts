// `sluice costs` over a report of several pages: every row once, in order, in each format.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { openDatabase } from '#src/storage/database.ts';
import { ledgerEntry } from '#test/support/ledger-entry.ts';
import { startSluice } from '#test/support/sluice-command.ts';

/** Two pages and a part of a third. */
const SESSIONS = 20_500;
const AT_ONCE = 1_000;
let directory: string;

const sessionOf = (index: number) => `s${String(index).padStart(6, '0')}`;

const entryOf = (index: number) =>
  ledgerEntry({
    requestId: `req_${index}`,
    labels: { session: sessionOf(index) },
    startedAtMs: Date.parse('2026-11-28T12:00:00Z'),
  });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-costs-'));
  writeFileSync(join(directory, 'sluice.yaml'), '{}\n');
  const database = await openDatabase(`sqlite:${join(directory, 'data/sluice.db')}`, () => undefined);
  const store = createLedgerStore(database);
  for (let first = 0; first < SESSIONS; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, SESSIONS - first);
    await store.insert(Array.from({ length: count }, (_, index) => ({ attempt: entryOf(first + index) })));
  }
  await database.destroy();
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function costs(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await startSluice(['costs', ...args], directory, {
    SLUICE_DATA: join(directory, 'data'),
  }).ended;
  expect(code, stderr).toBe(0);
  return stdout;
}

const all = Array.from({ length: SESSIONS }, (_, index) => sessionOf(index));

test('as JSON', async () => {
  const rows = JSON.parse(await costs('--by', 'session', '--json')) as {
    group: { session: string };
    costUsd: string;
  }[];
  expect(rows.map(({ group }) => group.session)).toEqual(all);
  expect(rows.at(-1)).toMatchObject({ attempts: 1, costUsd: '0.000001' });
});

test('as CSV and as JSON lines', async () => {
  const [header, ...lines] = (await costs('--by', 'session', '--format', 'csv')).trimEnd().split('\r\n');
  expect(header).toMatch(/^session,attempts,/);
  expect(lines.map((line) => line.split(',')[0])).toEqual(all);
  const objects = (await costs('--by', 'session', '--format', 'jsonl')).trimEnd().split('\n');
  expect(objects.map((line) => (JSON.parse(line) as { session: string }).session)).toEqual(all);
});

test('as a table with one header and the total of all pages', async () => {
  const lines = (await costs('--by', 'session')).split('\n');
  expect(lines[0]).toMatch(/^SESSION +ATTEMPTS/);
  expect(lines.slice(1, SESSIONS + 1).map((line) => line.split(' ')[0])).toEqual(all);
  expect(lines.slice(SESSIONS + 1)).toEqual(['', 'Total: 0.0205 USD', '']);
});

test('without any entries', async () => {
  expect(await costs('--from', '2027-01-01')).toBe('The ledger has no entries for this selection.\n');
  expect(await costs('--from', '2027-01-01', '--json')).toBe('[]\n');
  expect(await costs('--from', '2027-01-01', '--format', 'csv')).toMatch(/^day,attempts,[^\n]*\r\n$/);
});
