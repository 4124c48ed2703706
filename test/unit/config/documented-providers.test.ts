// The examples in docs/adding-a-provider.md are valid configurations, and Azure's two URLs are those that Azure documents.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { checkReferences } from '#src/config/check-references.ts';
import { configurationJsonSchema, type JsonSchema } from '#src/config/json-schema.ts';
import { parseConfiguration } from '#src/config/load.ts';
import { isFailure } from '#src/contracts/failure.ts';
import { prepareCall } from '#src/protocols/call/prepare-call.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';

const page = readFileSync(new URL('../../../docs/adding-a-provider.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!);
const [acme, credentials, azure, classic] = examples;
const variables = { ACME_API_KEY: 'sk-acme', OPENAI_API_KEY: 'sk-openai', AZURE_OPENAI_API_KEY: 'azure-key' };

test('several credentials', () => {
  const configuration = parseConfiguration(credentials!, 'sluice.yaml', variables);
  expect(checkReferences(configuration)).toEqual([]);
  const { credentials: known } = createCatalogue(configuration).providers.get('openai')!;
  expect(known.map(({ name, weight }) => `${name} ${weight}`)).toEqual(['main 3', 'team 1', 'vault 1']);
});

test.each([
  ['acme', acme!, 'https://api.acme.example/v1', '/chat/completions', { authorization: 'Bearer sk-acme' }],
  ['azure', azure!, 'https://my-resource.openai.azure.com/openai/v1', '/chat/completions', { 'api-key': 'azure-key' }],
  [
    'azure-classic',
    classic!,
    'https://my-resource.openai.azure.com',
    '/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21',
    { 'api-key': 'azure-key' },
  ],
])('%s', (name, yaml, baseUrl, path, headers) => {
  const configuration = parseConfiguration(yaml, 'sluice.yaml', variables);
  expect(checkReferences(configuration)).toEqual([]);
  const provider = createCatalogue(configuration).providers.get(name)!;
  expect(provider.baseUrl).toBe(baseUrl);
  const route = findProtocolRoute('openai-chat', provider.protocols)!;
  const body = Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }));
  const call = prepareCall(route, provider.dialect, {
    body,
    upstreamModel: 'my gpt',
    isStream: false,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(),
  });
  if (isFailure(call)) throw new Error(call.message);
  expect(call.request.path).toBe(path);
  expect(call.request.headers).toMatchObject(headers);
  expect(Object.keys(call.request.headers).filter((header) => /key|authorization/.test(header))).toHaveLength(1);
});

test('every setting named on the page exists', () => {
  const { providers } = configurationJsonSchema().properties!;
  const settings = (providers!.additionalProperties as JsonSchema).properties!;
  const named = [...page.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name!);
  const values = ['plain', 'prefix', 'continue', 'never'];
  expect(named.filter((name) => !values.includes(name) && !(name in settings))).toEqual([]);
  expect(named).toContain('prefill');
});
