// A new price list compared with the old one, for the calls in the ledger.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { pricesCommand } from '#src/cli/prices.ts';
import { createCatalogue } from '#src/config/catalogue.ts';
import { loadPrices } from '#src/config/price-list.ts';
import type { Runtime } from '#src/config/runtime.ts';
import { type ConfigurationInput, configurationSchema } from '#src/config/schema.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import { parseUsd } from '#src/contracts/money.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { previewPrices } from '#src/ledger/price-preview.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-prices-'));
let database: Database;

const configuration = configurationSchema.parse({
  providers: { own: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1' } },
  models: {
    a: { deployments: [{ provider: 'own', model: 'a', price: { input: 2, cached_input: 1, output: 10 } }] },
    b: { deployments: [{ provider: 'own', model: 'b', price: { input: 1, output: 1 } }] },
    c: { deployments: [{ provider: 'own', model: 'c' }] },
    d: { deployments: [{ provider: 'own', model: 'd', batch: 'native', price: { input: 1, output: 1 } }] },
  },
} satisfies ConfigurationInput);

const NOW = Date.parse('2026-11-28T12:00:00Z');
const entry = (model: string, number: number, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  requestId: `req_${model}${number}`,
  attempt: 1,
  keyId: 'key_1',
  model,
  provider: 'own',
  deployment: `own/${model}`,
  upstreamModel: model,
  protocol: 'openai-chat',
  lane: 'interactive',
  isStream: false,
  state: 'settled',
  outcome: 'ok',
  startedAtMs: NOW,
  queueMs: 0,
  firstByteMs: 1,
  durationMs: 2,
  inputTokens: 1_000_000,
  cachedInputTokens: 500_000,
  cacheWriteTokens: 0,
  outputTokens: 100_000,
  reasoningTokens: 0,
  costPicoUsd: parseUsd('2.5').toString(),
  ...more,
});

beforeAll(async () => {
  database = await openDatabase(`sqlite:${join(directory, 'ledger.db')}`, () => undefined);
  await createLedgerStore(database).insert(
    [
      entry('a', 1),
      entry('a', 2),
      // Refused before its first token: counted for limits, but not billed.
      entry('a', 3, { outcome: 'upstream_rate_limited', costPicoUsd: '0' }),
      entry('a', 4, { startedAtMs: NOW - 40 * 86_400_000 }),
      entry('b', 1, { costPicoUsd: parseUsd('1.1').toString() }),
      entry('d', 1, { lane: 'batch', firstByteMs: null, costPicoUsd: parseUsd('0.55').toString() }),
      entry('c', 1, { costPicoUsd: '0', details: { unpriced: ['input', 'output'] } }),
    ].map((attempt) => ({ attempt })),
  );
});
afterAll(async () => {
  await database.destroy();
  rmSync(directory, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function preview(path: string | undefined, current = configuration, day?: string) {
  const { catalogue, dates, unused } = loadPrices(path, current, {});
  const at = new Date(day ?? dates.at(-1) ?? NOW);
  const old = { catalogue: createCatalogue(current), at: new Date(NOW) };
  const rows = await previewPrices(database, { old, next: { catalogue, at }, from: '2026-11-01' });
  return { rows: Object.fromEntries(rows.map((row) => [row.deployment, row])), unused };
}

describe('a price list', () => {
  test('shows what the calls would have cost, and which prices are new, changed or unchanged', async () => {
    const path = file(
      'list.yaml',
      'own/a: { input: 1, cached_input: 0.5, output: 20 }\nc: { input: 3, output: 3 }\nd: { input: 2, output: 2 }\ne: { input: 1, output: 1 }\n',
    );
    const { rows, unused } = await preview(path);
    expect(rows['own/a']).toMatchObject({
      change: 'changed',
      attempts: 3,
      booked: parseUsd('5'),
      byOld: parseUsd('5'),
      byNew: parseUsd('5.5'),
      rates: [
        { name: 'input', old: 2_000_000n, new: 1_000_000n },
        { name: 'cachedInput', old: 1_000_000n, new: 500_000n },
        { name: 'cacheWrite', old: 2_000_000n, new: 1_000_000n },
        { name: 'output', old: 10_000_000n, new: 20_000_000n },
      ],
    });
    expect(rows['own/b']).toMatchObject({ change: 'same', byOld: parseUsd('1.1'), byNew: parseUsd('1.1') });
    expect(rows['own/c']).toMatchObject({ change: 'new', booked: 0n, byOld: 0n, byNew: parseUsd('3.3') });
    // A line of the provider's own batches, at half the price.
    expect(rows['own/d']).toMatchObject({ byOld: parseUsd('0.55'), byNew: parseUsd('1.1') });
    expect(unused).toEqual(['e']);
  });

  test('of a configuration without a deployment shows its price as missing', async () => {
    const { providers, models } = configuration;
    const path = file(
      'next.yaml',
      JSON.stringify({
        providers: { own: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1' } },
        models: { a: models.a },
      }),
    );
    expect(providers.own).toBeDefined();
    const { rows } = await preview(path);
    expect(rows['own/a']).toMatchObject({ change: 'same' });
    expect(rows['own/b']).toMatchObject({ change: 'missing', byOld: parseUsd('1.1'), byNew: 0n });
    expect(rows['own/c']).toMatchObject({ change: 'none' });
  });

  test.each([
    ['own/a: { input: cheap, output: 1 }', 'input'],
    ['own/a: { input: 1 }', 'output'],
    ['- 1', 'expected record'],
  ])('that is invalid is refused: %s', (text, reason) => {
    expect(() => loadPrices(file('wrong.yaml', text), configuration, {})).toThrow(reason);
  });
});

describe('a price that changes on a date', () => {
  const changes = [
    { from: '2026-12-01', input: 4, output: 20 },
    { from: '2027-01-01', input: 8, output: 40 },
  ];
  const dated = configurationSchema.parse({
    providers: configuration.providers,
    models: {
      a: { deployments: [{ provider: 'own', model: 'a', price: { input: 2, cached_input: 1, output: 10, changes } }] },
    },
  });
  const catalogue = createCatalogue(dated);

  test.each([
    ['2026-11-28T12:00:00Z', 10_000_000n],
    ['2026-11-30T23:59:59.999Z', 10_000_000n],
    ['2026-12-01T00:00:00Z', 20_000_000n],
    ['2026-12-31T23:59:59.999Z', 20_000_000n],
    ['2027-06-01T00:00:00Z', 40_000_000n],
  ])('at %s an output token costs %s picodollars', (time, output) => {
    const deployment = catalogue.deployments.get('own/a')!;
    expect(catalogue.priceOf(deployment, 'a', 0, new Date(time))).toMatchObject({ output });
    expect(catalogue.batchPriceOf(deployment, 'a', 0, new Date(time))).toMatchObject({ output: output / 2n });
  });

  test('is previewed after all its changes, or on a date', async () => {
    expect((await preview(undefined, dated)).rows['own/a']).toMatchObject({
      byOld: parseUsd('5'),
      byNew: parseUsd('24'),
    });
    expect((await preview(undefined, dated, '2026-12-15')).rows['own/a']).toMatchObject({ byNew: parseUsd('12') });
  });

  test.each([
    [[{ from: '2026-13-01', input: 1, output: 1 }], 'must be a date'],
    [[changes[1]!, changes[0]!], 'must be later'],
    [[{ input: 1, output: 1 }], 'expected string'],
  ])('is refused if its dates are invalid (%#)', (wrong, reason) => {
    const parsed = configurationSchema.safeParse({
      providers: configuration.providers,
      models: { a: { deployments: [{ provider: 'own', model: 'a', price: { input: 1, output: 1, changes: wrong } }] } },
    });
    expect(parsed.error?.issues[0]?.message).toContain(reason);
  });
});

// Symptom: the rates of tools and of calls were printed as if they were for a million: `web_search 10000`. Cause: one unit for
// all rates. Fix: each rate has its unit, and is printed as the configuration has it.
describe('prices per call', () => {
  const changed = () =>
    file('calls.yaml', 'own/a: { input: 3, cached_input: 1, output: 10, request: 5, tools: { web_search: 10 } }\n');

  async function run(...args: string[]): Promise<string> {
    const runtime = {
      configuration,
      catalogue: createCatalogue(configuration),
      environment: { variables: {} },
      databaseUrl: `sqlite:${join(directory, 'ledger.db')}`,
    } as unknown as Runtime;
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      await pricesCommand(() => runtime).parseAsync(['preview', changed(), ...args], { from: 'user' });
      return written.mock.calls.map(([text]) => String(text)).join('');
    } finally {
      written.mockRestore();
    }
  }

  test('are shown per thousand calls, token prices per million', async () => {
    const text = await run();
    expect(text).toContain('RATES (PER MILLION TOKENS)');
    expect(text).toContain('input 2 → 3, cacheWrite 2 → 3, ');
    expect(text).toContain('request none → 5 per thousand calls, web_search none → 10 per thousand calls');
  });

  test('are marked in JSON', async () => {
    const { rows } = JSON.parse(await run('--json')) as { rows: { deployment: string; rates: unknown[] }[] };
    expect(rows.find(({ deployment }) => deployment === 'own/a')!.rates).toEqual([
      { name: 'input', per: 'million_tokens', old: '2', new: '3' },
      { name: 'cacheWrite', per: 'million_tokens', old: '2', new: '3' },
      { name: 'request', per: 'thousand_calls', old: null, new: '5' },
      { name: 'web_search', per: 'thousand_calls', old: null, new: '10' },
    ]);
  });
});
