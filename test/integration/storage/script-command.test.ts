import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LuaScript, runScript, runScriptForBuffers } from '#src/storage/lua-script.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const ECHO: LuaScript = { command: 'test_echo', source: 'return {#KEYS, #ARGV, KEYS[1], unpack(ARGV)}' };
const COUNT: LuaScript = { command: 'test_count', source: "return redis.call('INCR', KEYS[1])" };
const FAIL: LuaScript = { command: 'test_fail', source: "return redis.error_reply('ERR this is wrong')" };

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());

/** How often a script was sent as source and by its digest. */
async function sent(): Promise<{ sources: number; digests: number }> {
  const stats = await redis.client.info('commandstats');
  const calls = (command: string) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  return { sources: calls('eval'), digests: calls('evalsha') };
}

test('a script receives its arguments exactly, whatever they contain', async () => {
  const texts = ['', '1', 'ä€😀', 'a\r\n$3\r\n', 'x'.repeat(1_023), 'y'.repeat(1_024), 'z'.repeat(70_000)];
  expect(await runScript(redis.client, ECHO, ['key'], texts)).toEqual([1, texts.length, 'key', ...texts]);
  expect(await runScript(redis.client, ECHO, [], [])).toEqual([0, 0]);
  expect(await runScript(redis.client, ECHO, ['k'], [0, 1e21, 1.5])).toEqual([1, 3, 'k', '0', '1e+21', '1.5']);
});

test('bytes that are not text arrive unchanged, first, last and adjacent', async () => {
  const bytes = Buffer.from([0, 255, 13, 10, 36]);
  const large = Buffer.alloc(100_000, 200);
  const reply = await runScriptForBuffers(redis.client, ECHO, ['k'], [bytes, 'ä', large, bytes]);
  expect(reply).toEqual([1, 4, Buffer.from('k'), bytes, Buffer.from('ä'), large, bytes]);
});

test('the source is sent over each connection once', async () => {
  const others = [await connectRedis({ kind: 'standalone', url: redis.url }, 'consumer', () => undefined)];
  await redis.client.config('RESETSTAT');
  for (const client of [redis.client, ...others, redis.client, ...others]) await runScript(client, COUNT, ['n'], []);
  expect(await sent()).toEqual({ sources: 2, digests: 2 });
  others.forEach(disconnectRedis);
});

test('if Redis has lost its scripts, pending calls still run, each once', async () => {
  await runScript(redis.client, COUNT, ['m'], []);
  const before = Number(await redis.client.get('m'));
  const flushed = redis.client.script('FLUSH');
  const counts = await Promise.all([1, 2, 3].map(() => runScript(redis.client, COUNT, ['m'], [])));
  await flushed;
  expect((counts as number[]).toSorted((a, b) => a - b)).toEqual([before + 1, before + 2, before + 3]);
  expect(await redis.client.get('m')).toBe(String(before + 3));
});

test('an error of a script is an error of the call', async () => {
  await expect(runScript(redis.client, FAIL, [], [])).rejects.toThrow('this is wrong');
});
