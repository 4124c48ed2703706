// Starts Sluice as users do, in front of a simulator that provides all four protocols.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { endWithParent } from '#test/support/end-with-parent.ts';
import type { BillTotals } from '../../simulator/src/engine/records/bill.ts';
import { type Simulator, startSimulator } from '../../simulator/src/simulator.ts';
import { openDatabase } from '../../src/storage/database.ts';

/** By provider protocol: path of its base URL, and a model for which the simulator validates requests strictly. */
export const PROTOCOLS = {
  'openai-chat': { path: '/v1', model: 'gpt-5.1' },
  'openai-responses': { path: '/v1', model: 'gpt-5.1' },
  'anthropic-messages': { path: '', model: 'claude-opus-4-8' },
  'gemini-generate-content': { path: '', model: 'gemini-3-pro' },
} as const;
export type Protocol = keyof typeof PROTOCOLS;
export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as Protocol[];

const PRICE = { input: 2.5, cached_input: 1.25, output: 10 };
const READY_LIMIT_MS = 60_000;
const BOOKS_LIMIT_MS = 20_000;
const POLL_MS = 100;

export interface LedgerEntry {
  requestId: string;
  provider: string;
  outcome: string;
  costPicoUsd: bigint;
}

export interface TriedSluice {
  simulator: Simulator;
  /** Base URL without a path. */
  url: string;
  key: string;
  /** The simulator's bill since the last call, and Sluice's ledger entries, for which it waits. */
  newEntries(): Promise<{ entries: LedgerEntry[]; billed: BillTotals }>;
  stop(): Promise<void>;
}

/** Its models are named after the provider protocols. */
export async function startSluice(more: { server?: object; retries?: object } = {}): Promise<TriedSluice> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tried-'));
  const simulator = await startSimulator({ keptRequests: 1_000, tokens: 20 });
  const configPath = join(folder, 'sluice.yaml');
  writeFileSync(configPath, stringify(configurationFor(simulator.url, more)));
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../src/cli.ts', import.meta.url)), 'start'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, SLUICE_CONFIG: configPath, SLUICE_DATA: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithParent(child, 'SIGTERM');
  const url = await addressOf(child, folder);
  const database = await openDatabase(`sqlite:${join(folder, 'sluice.db')}`, (error) => console.error(error));
  const read = new Set<string>();

  async function entries(): Promise<LedgerEntry[]> {
    const rows = await database.selectFrom('ledger_entries').selectAll().execute();
    return rows
      .filter((row) => !read.has(`${row.request_id}.${row.attempt}`))
      .map((row) => ({
        requestId: `${row.request_id}.${row.attempt}`,
        provider: row.provider,
        outcome: row.outcome,
        costPicoUsd: BigInt(row.cost_pico_usd),
      }));
  }

  return {
    simulator,
    url,
    key: readFileSync(join(folder, 'key'), 'utf8').trim(),
    async newEntries() {
      const billed = simulator.bill.totals();
      const untilMs = Date.now() + BOOKS_LIMIT_MS;
      let found = await entries();
      while (found.length < billed.calls && Date.now() < untilMs) {
        await sleep(POLL_MS);
        found = await entries();
      }
      for (const { requestId } of found) read.add(requestId);
      simulator.bill.clear();
      return { entries: found, billed };
    },
    async stop() {
      await database.destroy();
      const hasExited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await hasExited;
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configurationFor(simulatorUrl: string, { server = {}, retries = {} }: { server?: object; retries?: object }) {
  const entries = Object.entries(PROTOCOLS);
  return {
    server: { port: 0, ...server },
    providers: Object.fromEntries(
      entries.map(([name, { path }]) => [
        name,
        // Faults that one client provokes must not open the circuit for the next.
        {
          protocols: [name],
          base_url: `${simulatorUrl}${path}`,
          api_key: 'simulated',
          circuit: { failures: 1_000 },
          retries,
        },
      ]),
    ),
    models: Object.fromEntries(
      entries.map(([name, { model }]) => [name, { deployments: [{ provider: name, model, price: PRICE }] }]),
    ),
  };
}

async function addressOf(child: ChildProcess, folder: string): Promise<string> {
  let said = '';
  for (const output of [child.stdout, child.stderr]) output?.on('data', (piece: Buffer) => (said += piece.toString()));
  const path = join(folder, 'url');
  const untilMs = Date.now() + READY_LIMIT_MS;
  while (!existsSync(path) || !said.includes('Sluice is running')) {
    if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`sluice start failed:\n${said}`);
    await sleep(POLL_MS);
  }
  return readFileSync(path, 'utf8').trim().replace(/\/v1$/, '');
}
