// Symptom: with several credentials of a provider, only the first one was used for batches: its account's queue was full while
// the others were idle, and when it was refused or removed, the lines at the provider were lost. Cause: the provider's batch
// API was always called with the first key. Fix: a chunk is created with the least loaded credential and stays with it
// (`native_chunks.credential`).
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { type Accounts, startAccounts } from '#test/support/accounts.ts';
import { ended, endLeases, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import {
  expectLedgerEqualsBatchBill,
  lineIds,
  nativeConfiguration,
  nativeLines,
  numbered,
  PROVIDERS,
  type ProviderName,
  QUICK,
} from '#test/support/native-batches.ts';
import { volume } from '#test/support/runs.ts';
import { waitFor } from '#test/support/wait.ts';

const KEYS = { left: 'sk-account-left-0000001', right: 'sk-account-right-0000002' };
const OTHER = 'sk-account-right-0000003';
const LINES = volume(40, 80);
const CHUNK_LINES = LINES / 4;
const LIMIT_MS = 90_000;

let sides: { left: Simulator; right: Simulator };
let accounts: Accounts;
let broker: TestBroker;
let directory: string;
let configuration: ConfigurationInput;

/** @param batchMs how long the accounts take for a batch. */
async function start(batchMs: number): Promise<void> {
  const [left, right] = await Promise.all(
    ['left', 'right'].map((name) => startSimulator({ name, tokens: 6, batchMs })),
  );
  sides = { left: left!, right: right! };
  accounts = await startAccounts({ [KEYS.left]: left!, [KEYS.right]: right! });
  const vendors = { openai: accounts, anthropic: accounts, gemini: accounts } as never;
  configuration = nativeConfiguration(vendors, { ...QUICK, chunk_lines: CHUNK_LINES });
  for (const provider of Object.values(configuration.providers!)) {
    delete provider.api_key;
    provider.credentials = { left: { api_key: KEYS.left }, right: { file: join(directory, 'right') } };
  }
  broker = await startBroker({ configuration, batches: 1 });
}

/** The credentials of every provider, in the file that the processes follow. */
async function configure(credentials: Record<string, object>): Promise<void> {
  const path = join(broker.directory, 'sluice.yaml');
  const file = parse(readFileSync(path, 'utf8')) as ConfigurationInput;
  for (const provider of Object.values(file.providers!)) provider.credentials = credentials;
  writeFileSync(`${path}.new`, stringify(file, { aliasDuplicateObjects: false }));
  renameSync(`${path}.new`, path);
  const all = [...broker.batches, ...broker.workers];
  await waitFor('it to be read', () => all.every((one) => one.log().includes('the configuration has changed')));
}

const secretIs = (secret: string) => writeFileSync(join(directory, 'right'), `${secret}\n`);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
  secretIs(KEYS.right);
});
afterEach(async () => {
  await broker?.stop();
  await accounts?.close();
  await Promise.all(Object.values(sides ?? {}).map((side) => side.close()));
  rmSync(directory, { recursive: true, force: true });
});

async function begin(vendor: ProviderName) {
  const client = sdk(broker);
  const { id } = await submit(client, nativeLines(vendor, numbered(LINES)));
  return async () => {
    const done = await ended(client, id, LIMIT_MS);
    expect(done).toMatchObject({ status: 'completed', request_counts: { total: LINES, completed: LINES, failed: 0 } });
    const output = await results(client, done.output_file_id);
    expect(output.map(({ custom_id }) => custom_id).sort()).toEqual(lineIds(LINES).sort());
  };
}

const lineCounts = () => [sides.left.stats().batchLines, sides.right.stats().batchLines];
const callCounts = () => [sides.left.stats().calls, sides.right.stats().calls];

/** Each of this many batches is known at its provider, and none has ended. */
async function untilOut(batches: number): Promise<void> {
  await waitFor('all chunks to be out', async () => {
    const rows = await broker.database.selectFrom('native_chunks').select('state').execute();
    return rows.length === (batches * LINES) / CHUNK_LINES && rows.every(({ state }) => state === 'running');
  });
}

async function expectBooksRight(): Promise<void> {
  await booksClosed(broker);
  expectLedgerEqualsBatchBill(await ledgerRows(broker), sides as never);
  expect(await broker.database.selectFrom('native_chunks').selectAll().execute()).toEqual([]);
}

/** Lines by the name of the credential in the ledger. */
async function booked(): Promise<Record<string, number>> {
  const rows = await broker.database.selectFrom('ledger_entries').selectAll().execute();
  const counts: Record<string, number> = {};
  for (const { credential } of rows) counts[String(credential)] = (counts[String(credential)] ?? 0) + 1;
  return counts;
}

test('every account has its share of each provider’s chunks, and the ledger shows which', async () => {
  await start(1_000);
  for (const end of await Promise.all(PROVIDERS.map(begin))) await end();
  expect(lineCounts()).toEqual([(LINES / 2) * PROVIDERS.length, (LINES / 2) * PROVIDERS.length]);
  expect(callCounts()).toEqual([0, 0]);
  await expectBooksRight();
  expect(await booked()).toEqual({ left: (LINES / 2) * PROVIDERS.length, right: (LINES / 2) * PROVIDERS.length });
});

test('chunks that one account refuses are sent to the other; none of their lines runs as an ordinary request', async () => {
  await start(300);
  accounts.of.delete(KEYS.left);
  for (const end of await Promise.all(PROVIDERS.map(begin))) await end();
  expect(lineCounts()).toEqual([0, LINES * PROVIDERS.length]);
  expect(callCounts()).toEqual([0, 0]);
  await expectBooksRight();
});

test('chunks in flight continue with a rotated secret', async () => {
  await start(2_500);
  const ends = await Promise.all(PROVIDERS.map(begin));
  await untilOut(3);
  accounts.of.delete(KEYS.right);
  accounts.of.set(OTHER, sides.right);
  secretIs(OTHER);
  for (const end of ends) await end();
  expect(callCounts()).toEqual([0, 0]);
  await expectBooksRight();
});

test('replacing a credential by another key of its account loses nothing, not even with a new process', async () => {
  await start(6_000);
  const ends = await Promise.all(PROVIDERS.map(begin));
  await untilOut(3);
  accounts.of.delete(KEYS.right);
  accounts.of.set(OTHER, sides.right);
  await configure({ left: { api_key: KEYS.left }, other: { api_key: OTHER } });
  await broker.batches[0]!.kill();
  await endLeases(broker);
  await broker.startBatches();
  for (const end of ends) await end();
  expect(callCounts()).toEqual([0, 0]);
  await expectBooksRight();
  // What was read before the file was is the former one's.
  const { left, right = 0, other = 0 } = await booked();
  expect([left, right + other]).toEqual([(LINES / 2) * PROVIDERS.length, (LINES / 2) * PROVIDERS.length]);
  expect(other).toBeGreaterThan(0);
});

test('a credential that is removed: its lines run again elsewhere, and the ledger has an estimate', async () => {
  await start(4_000);
  const end = await begin('openai');
  await untilOut(1);
  accounts.of.delete(KEYS.right);
  await configure({ left: { api_key: KEYS.left } });
  await broker.batches[0]!.kill();
  await endLeases(broker);
  await broker.startBatches();
  await end();
  expect(callCounts()).toEqual([LINES / 2, 0]);
  await booksClosed(broker);
  const unsettled = (await ledgerRows(broker)).filter(({ state }) => state === 'unsettled');
  expect(unsettled).toHaveLength(LINES / 2);
});
