import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { checkReferences } from '#src/config/check-references.ts';
import { createCredential } from '#src/config/credentials.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { planRoute } from '#src/routing/plan-route.ts';

const base = { protocols: ['openai-chat' as const], base_url: 'http://127.0.0.1:1/v1' };

function parse(credentials: object, more: object = {}) {
  return configurationSchema.safeParse({
    providers: { acme: { ...base, credentials, ...more } },
    models: { m: { deployments: [{ provider: 'acme', model: 'm' }] } },
  });
}

function credentialOf(settings: object) {
  const parsed = parse({ one: settings });
  const learned: string[] = [];
  const credential = createCredential('acme', 'one', parsed.data!.providers.acme!.credentials.one!, (secret) =>
    learned.push(secret),
  );
  const troubles: string[] = [];
  credential.onTrouble = (error) => troubles.push(error.message);
  return { credential, learned, troubles };
}

test('a secret comes from exactly one place', () => {
  expect(parse({ one: { api_key: 'a' } }).success).toBe(true);
  expect(parse({ one: {} }).success).toBe(false);
  expect(parse({ one: { api_key: 'a', file: '/b' } }).success).toBe(false);
  expect(parse({ 'Not a name': { api_key: 'a' } }).success).toBe(false);
  const both = parse({ one: { api_key: 'a' } }, { api_key: 'b' }).data!;
  expect(checkReferences(both)).toEqual([
    { path: 'providers.acme.credentials', message: expect.stringContaining('not both') },
  ]);
});

test('a file is read again; while it is missing or empty the previous value is kept', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-credential-')), 'key');
  const { credential, learned, troubles } = credentialOf({ file });
  let changes = 0;
  credential.onChange = () => changes++;
  expect(credential.secret()).toBeNull();
  await credential.renew();
  expect(troubles[0]).toContain('ENOENT');
  writeFileSync(file, 'first-secret-1\n');
  await credential.renew();
  expect([credential.secret(), changes]).toEqual(['first-secret-1', 0]);
  writeFileSync(file, '');
  await credential.renew();
  expect(credential.secret()).toBe('first-secret-1');
  writeFileSync(file, 'second-secret-2');
  await credential.renew();
  expect([credential.secret(), changes]).toEqual(['second-secret-2', 1]);
  expect(learned).toEqual(['first-secret-1', 'second-secret-2']);
});

test('a command has limited time, and its output is not disclosed', async () => {
  const program = (script: string) => [process.execPath, '-e', script];
  const good = credentialOf({ command: program('console.log("printed-secret-1")') });
  await good.credential.renew();
  expect(good.credential.secret()).toBe('printed-secret-1');
  const bad = credentialOf({ command: program('console.log("printed-secret-1"); process.exit(3)') });
  await bad.credential.renew();
  expect(bad.troubles).toEqual([expect.stringMatching(/exited with 3$/)]);
  const slow = credentialOf({ command: program('setTimeout(() => {}, 60000)'), timeout_ms: 300 });
  await slow.credential.renew();
  expect(slow.troubles).toEqual([expect.stringMatching(/took too long$/)]);
});

test('a new secret is masked in the provider’s messages', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-credential-')), 'key');
  writeFileSync(file, 'sk-from-a-file-0123456789');
  const logged: string[] = [];
  const { providers } = createCatalogue(parse({ one: { file } }).data!, (secret) => logged.push(secret));
  const { credentials, secrets, dialect } = providers.get('acme')!;
  await credentials[0]!.renew();
  expect(dialect.apiKey).toBe('sk-from-a-file-0123456789');
  expect(secrets.ofFailures.text('your key sk-from-a-file-0123456789 is wrong')).toBe('your key [redacted] is wrong');
  expect(logged).toEqual(['sk-from-a-file-0123456789']);
});

test('a plan orders credentials by their shares', () => {
  const catalogue = createCatalogue(parse({ big: { api_key: 'a', weight: 3 }, small: { api_key: 'b' } }).data!);
  const request = { model: 'm', alternativeModels: [], preferences: {}, pinnedProvider: null };
  const context = { catalogue, canServe: () => true, isCooling: () => false, random: Math.random };
  const firsts = Array.from({ length: 2_000 }, () => {
    const plan = planRoute(request, context);
    return 'steps' in plan ? plan.steps[0]!.credentials![0] : null;
  });
  const share = firsts.filter((name) => name === 'big').length / firsts.length;
  expect(share).toBeGreaterThan(0.68);
  expect(share).toBeLessThan(0.82);
  const single = createCatalogue(parse({ one: { api_key: 'a' } }).data!);
  expect(planRoute(request, { ...context, catalogue: single })).toEqual({
    steps: [{ deployment: 'acme/m', provider: 'acme', upstreamModel: 'm', model: 'm' }],
  });
});
