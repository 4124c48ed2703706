import { expect, test } from 'vitest';
import { readEnvironment } from '#src/config/environment.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { configuredSecrets, requireStrongKeys, withoutSecrets } from '#src/config/secrets.ts';

test.each([
  ['postgres://user:pa55word@db:5432/sluice'],
  ['postgres://:pa55word@db/sluice'],
  ['postgres://user:pa55word%40x@db/sluice'],
  ['postgresql://user@db/sluice?password=pa55word'],
  ['postgres://user:1/pa55word@db/sluice'],
  ['postgres://user:1#pa55word@db/sluice'],
  ['postgres://user:pa55word/x@db/sluice'],
  ['redis://:pa55word@cache:6379/0'],
  ['host=db password=pa55word'],
])('the password of %s is not shown', (url) => {
  expect(withoutSecrets(url)).not.toContain('pa55word');
});

test('values that are not secret are shown', () => {
  expect(withoutSecrets('postgres://user:x@db:5432/sluice?sslmode=require')).toBe(
    'postgres://user:***@db:5432/sluice?sslmode=require',
  );
  expect(withoutSecrets('sqlite:.sluice/sluice.db')).toBe('sqlite:.sluice/sluice.db');
});

test('every configured secret is masked in logs', () => {
  const configuration = configurationSchema.parse({
    redis: { url: 'rediss://u:redis-secret@r:6379' },
    database: { url: 'postgres://u:sql%2Fsecret@db/x' },
    providers: {
      a: {
        base_url: 'https://a.example/v1',
        api_key: 'key-secret',
        headers: { authorization: 'Bearer header-secret', 'x-region': 'eu' },
        query: { key: 'query-secret', 'api-version': '2026-01-01' },
      },
    },
  });
  const environment = readEnvironment({ SLUICE_ADMIN_KEY: 'admin-secret', SLUICE_SECRETS_KEY: 'one,two' });
  const secrets = configuredSecrets(configuration, environment);
  expect(secrets).toEqual(
    expect.arrayContaining([
      'redis-secret',
      'sql/secret',
      'sql%2Fsecret',
      'key-secret',
      'header-secret',
      'query-secret',
      'admin-secret',
      'one',
      'two',
    ]),
  );
  expect(secrets).not.toContain('eu');
  expect(secrets).not.toContain('2026-01-01');
});

test.each([
  ['a key of one character', { SLUICE_API_KEY: 'x' }, /SLUICE_API_KEY is too short/],
  ['a short admin key', { SLUICE_ADMIN_KEY: 'admin' }, /SLUICE_ADMIN_KEY is too short/],
  ['one key for both', { SLUICE_ADMIN_KEY: 'x'.repeat(20), SLUICE_API_KEY: 'x'.repeat(20) }, /must differ/],
])('%s is refused', (_name, variables, reason) => {
  expect(() => requireStrongKeys(readEnvironment(variables))).toThrow(reason);
});
