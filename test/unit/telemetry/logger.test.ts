import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { hideFields } from '#src/telemetry/logger.ts';

const LOGGER = fileURLToPath(new URL('../../../src/telemetry/logger.ts', import.meta.url));

const MASK = fileURLToPath(new URL('../../../src/contracts/secret-mask.ts', import.meta.url));

/** What a process writes that logs so: its records leave with its end. */
function written(statements: string): Record<string, unknown>[] {
  const script = `import { createLogger } from ${JSON.stringify(LOGGER)};
const logger = createLogger({ level: 'info', role: 'test', instance: 'one' });
${statements}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a record has time, sender and message, with the time of Date', () => {
  const before = new Date().toISOString();
  const [record] = written(`logger.info({ request_id: 'req_1', status: undefined }, 'request');`);
  const { time, ...rest } = record!;
  expect(rest).toEqual({ level: 'info', role: 'test', instance: 'one', request_id: 'req_1', msg: 'request' });
  expect(new Date(time as string).toISOString()).toBe(time);
  expect(before <= (time as string) && (time as string) <= new Date().toISOString()).toBe(true);
});

test('credentials are hidden in fields, one level below, and in errors', () => {
  const records = written(`
logger.info({ authorization: 'Bearer sk-1', key: 'sk-2', headers: { authorization: 'Bearer sk-3', host: 'a' } }, 'one');
logger.info({ apiKey: 'sk-4', call: { authorization: 'sk-5' } }, 'two');
logger.error({ err: Object.assign(new Error('refused'), { authorization: 'sk-6', password: 'sk-7' }) }, 'three');`);
  expect(JSON.stringify(records)).not.toContain('sk-');
  const [fields, nested, failed] = records;
  expect(fields).toMatchObject({ key: '[redacted]', headers: { authorization: '[redacted]', host: 'a' } });
  expect(nested).toMatchObject({ apiKey: '[redacted]', call: { authorization: '[redacted]' } });
  expect(failed).toMatchObject({ err: { type: 'Error', message: 'refused', password: '[redacted]' } });
  expect((failed!.err as { stack: string }).stack).toContain('refused');
});

test('every line is JSON, whatever form its fields have for JSON; such a form hides no credential from the check', () => {
  const records = written(`
const forms = ['text', 7, null, undefined, ['a'], { password: 'sk-1' }];
for (const form of forms) logger.info({ n: 1, toJSON: () => form }, 'own form');
logger.info(['a', 'b'], 'list');
logger.info(new Date(0), 'inherited form');
logger.info(new String('ab'), 'boxed');`);
  const messages = [...Array.from({ length: 6 }, () => 'own form'), 'list', 'inherited form', 'boxed'];
  expect(records.map(({ msg }) => msg)).toEqual(messages);
  expect(records.map(({ role }) => role)).toEqual(messages.map(() => 'test'));
  expect(records.slice(0, 6).map(({ n }) => n)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(records[6]).toMatchObject({ 0: 'a', 1: 'b' });
  expect(JSON.stringify(records)).not.toContain('sk-');
});

test('a record without credentials is not copied, and the argument is not changed', () => {
  const plain = { model: 'gpt-4o', err: new Error('as it is'), details: { unpriced: [] } };
  expect(hideFields(plain)).toBe(plain);
  const secret = { password: 'sk-1', absent: undefined, api_key: undefined };
  expect(hideFields(secret)).toEqual({ password: '[redacted]', absent: undefined, api_key: undefined });
  expect(secret.password).toBe('sk-1');
});

test('configured secrets are in no record; concurrent records are complete and in order; the last ones are written at exit', () => {
  const records = written(`
import { createSecretMask } from ${JSON.stringify(MASK)};
const masked = createLogger({ level: 'info', role: 'masked', mask: createSecretMask(['sk-hidden-1']) });
for (let n = 0; n < 500; n++) masked.info({ n, said: 'the key sk-hidden-1 is wrong' }, 'many');`);
  expect(records.map(({ n }) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
  expect(new Set(records.map(({ said }) => said))).toEqual(new Set(['the key [redacted] is wrong']));
});
