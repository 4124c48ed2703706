// Symptom: after `kill -9` of the Redis that `sluice start` runs, all requests got 503 until someone intervened, and the logs
// had hundreds of stacks. Cause: it was the only child process that was not restarted. Fix: it is restarted on its own files.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedRedisUrl } from '#src/storage/embedded-redis.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { type RunningCommand, startSluice } from '#test/support/sluice-command.ts';
import { waitFor } from '#test/support/wait.ts';

const KEY = 'sk-sluice-embedded-0123456789';

let directory: string;
let sluice: RunningCommand;
let redis: Redis;
let url: string;
let during: Answer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-embedded-'));
  sluice = startSluice(['start'], directory, { SLUICE_DATA: directory, SLUICE_API_KEY: KEY, PORT: '0' });
  url = await waitFor('the broker', () => readText('url')?.trim().replace(/\/v1$/, ''), 60_000);
  redis = new Redis(embeddedRedisUrl(join(directory, 'redis'))!, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  await redis.set('marker', 'kept');
  const server = /process_id:(\d+)/.exec(await redis.info('server'))![1]!;
  process.kill(Number(server), 'SIGKILL');
  during = await ask(url, { key: KEY, model: 'demo', prompt: 'Meanwhile.' });
}, 90_000);
afterAll(async () => {
  redis?.disconnect();
  sluice?.interrupt();
  await sluice?.ended;
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

function readText(name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), 'utf8');
  } catch {
    return undefined;
  }
}

test('what the client received meanwhile: an answer, or 503 with retry-after', () => {
  if (during.status !== 200)
    expect(during).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } });
});

test('what happens to the next requests: they are answered, without any intervention', async () => {
  const next = () => ask(url, { key: KEY, model: 'demo', prompt: 'And then?' });
  await waitFor('an answer', async () => (await next()).status === 200, 20_000);
  expect(sluice.stderr()).toContain('Redis has exited (SIGKILL); restarting it');
});

test('the data of Redis is there again', async () => {
  expect(await redis.get('marker')).toBe('kept');
});

test('what is logged: a few lines', () => {
  for (const name of readdirSync(join(directory, 'logs'))) {
    const lines = readText(join('logs', name))!.split('\n');
    expect(lines.filter((line) => line.includes('trouble')).length, name).toBeLessThan(15);
    expect(
      lines.filter((line) => line.includes('"stack"')),
      name,
    ).toEqual([]);
  }
});
