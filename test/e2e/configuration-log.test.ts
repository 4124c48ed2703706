// The configuration file changes while two processes follow it: the audit log records the result once, without secrets.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningCommand, startSluice } from '#test/support/sluice-command.ts';
import { waitFor } from '#test/support/wait.ts';

let directory: string;
let running: RunningCommand;
let path: string;

const SECRET = 'sk-provider-0123456789abcdef';
const file = (more = '') => `
providers:
  one: { protocols: [openai-chat], base_url: "http://127.0.0.1:9/v1", api_key: "${SECRET}" }
models:
  m: { deployments: [{ provider: one, model: m, price: { input: 1, output: 1 } }] }
${more}
`;

interface Entry {
  actor: string;
  role: string;
  method: string;
  status: number;
  request: { file: string; sha256: string; written_at: string };
  before: { sha256: string };
  after: { changed?: string[]; after_restart?: string[]; faults?: string[]; in_force: string };
}

function replace(text: string): string {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  return hashOf(text);
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const line = (name: string) => readFileSync(join(directory, 'data', name), 'utf8').trim();

async function entries(): Promise<Entry[]> {
  const answer = await fetch(`${line('admin-url')}/admin/audit?path=/configuration`, {
    headers: { authorization: `Bearer ${line('admin-key')}` },
  });
  const text = await answer.text();
  expect(text).not.toContain(SECRET);
  return (JSON.parse(text) as { data: Entry[] }).data;
}

/** Of one of the two processes: both follow the file. */
async function metric(name: string): Promise<number> {
  const answer = await fetch(`${line('admin-url')}/metrics`, {
    headers: { authorization: `Bearer ${line('admin-key')}` },
  });
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await answer.text())?.[1]);
}

const timesLogged = (text: string) => (running.stderr() + running.stdout()).split(text).length - 1;
const untilLogged = (text: string, times: number) =>
  waitFor(`"${text}" to be logged ${times} times`, () => timesLogged(text) >= times);
const untilEntries = (count: number) => waitFor('the entry', async () => (await entries()).length >= count);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-configuration-'));
  path = join(directory, 'sluice.yaml');
  replace(file());
  const args = ['start', '--config', path, '--data', join(directory, 'data'), '--processes', '2', '-v'];
  running = startSluice(args, directory, { PORT: '0' });
  await waitFor('Sluice to run', () => existsSync(join(directory, 'data', 'admin-url')), 40_000);
  // Each of them follows the file by then.
  await untilLogged('"working"', 2);
}, 60_000);
afterAll(async () => {
  running?.interrupt();
  await running?.ended;
  rmSync(directory, { recursive: true, force: true });
});

test('a change of the file: logged once for both processes, with hashes and the names of what changed', async () => {
  const former = hashOf(file());
  const next = replace(file('  n: { deployments: [{ provider: one, model: n }] }\nserver: { port: 1234 }'));
  await untilLogged('"the configuration has changed"', 2);
  await untilEntries(1);
  const [entry, ...others] = await entries();
  expect(others).toEqual([]);
  expect(entry).toMatchObject({
    actor: expect.stringContaining('the file has changed'),
    role: 'configuration',
    method: 'RELOAD',
    status: 200,
    request: { file: path, sha256: next, written_at: expect.any(String) },
    before: { sha256: former },
    after: { in_force: next, changed: ['models.n'], after_restart: ['server.port'] },
  });
  expect(await metric('sluice_configuration_awaits_restart')).toBe(1);
  expect(await metric('sluice_configuration_refused')).toBe(0);
});

test('a refused change: logged once, with its errors', async () => {
  const [inForce] = await entries();
  const wrong = replace(file(`  n: { deployments: [{ provider: two, model: n }] }`));
  running.hangUp();
  await untilLogged('the new configuration was refused', 2);
  await untilEntries(2);
  const [entry] = await entries();
  expect(await entries()).toHaveLength(2);
  expect(entry).toMatchObject({
    status: 400,
    request: { sha256: wrong },
    after: { in_force: inForce!.after.in_force, faults: [expect.stringContaining('two')] },
  });
  expect(await metric('sluice_configuration_refused')).toBe(1);
});

test('reverted and changed again: logged each time', async () => {
  const first = file();
  replace(first);
  await untilLogged('"the configuration has changed"', 4);
  await untilEntries(3);
  expect(await metric('sluice_configuration_refused')).toBe(0);
  expect(await metric('sluice_configuration_awaits_restart')).toBe(0);
  replace(file('  n: { deployments: [{ provider: one, model: n }] }\nserver: { port: 1234 }'));
  await untilLogged('"the configuration has changed"', 6);
  await untilEntries(4);
  const told = await entries();
  expect(told.map(({ status }) => status)).toEqual([200, 200, 400, 200]);
  expect(told[1]!.after).toMatchObject({ in_force: hashOf(first), changed: ['models.n'] });
});
