// Models matched by wildcards: the providers' own lists under the public names, with the properties that agents need.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { PROVIDER_KEY } from '#test/support/providers.ts';

const ROUTER_MODEL = {
  id: 'meta/llama-9',
  name: 'Llama 9',
  created: 1_790_000_000,
  context_length: 131_072,
  architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
  top_provider: { max_completion_tokens: 16_384 },
};
let simulator: Simulator;
let router: Server;
const asked: { url: string; authorization: string | undefined }[] = [];
let broker: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator();
  router = createServer((request, response) => {
    asked.push({ url: request.url!, authorization: request.headers.authorization });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ data: [ROUTER_MODEL, { id: 'meta/secret\u0000' }, 'nonsense', { id: 'other' }] }));
  });
  await new Promise<void>((resolve) => router.listen(0, '127.0.0.1', resolve));
  const routerUrl = `http://127.0.0.1:${(router.address() as AddressInfo).port}/v1`;
  const own = { api_key: PROVIDER_KEY };
  broker = await startBroker({
    together: true,
    configuration: {
      providers: {
        router: { ...own, protocols: ['openai-chat'], base_url: routerUrl },
        gemini: { ...own, protocols: ['gemini-generate-content'], base_url: simulator.url },
        claude: { ...own, protocols: ['anthropic-messages'], base_url: simulator.url },
        gone: { ...own, protocols: ['openai-chat'], base_url: 'http://127.0.0.1:9/v1' },
      },
      models: {
        'exact-name': { deployments: [{ provider: 'gemini', model: 'sim-large' }] },
        'r/*': { deployments: [{ provider: 'router', model: '*' }] },
        'r/meta/*': { deployments: [{ provider: 'router', model: 'meta/*' }] },
        'g/*': { deployments: [{ provider: 'gemini', model: '*' }] },
        'c/*': { deployments: [{ provider: 'claude', model: '*' }] },
        'gone/*': { deployments: [{ provider: 'gone', model: '*' }] },
      },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
  router?.close();
});

const get = async (path: string, headers: Record<string, string>) => {
  const answer = await fetch(`${broker.url}${path}`, { headers });
  return { status: answer.status, body: (await answer.json()) as Record<string, Record<string, unknown>[]> };
};

test('lists the models of all providers by public names, fetched once for many callers; an unavailable provider is left out', async () => {
  const client = new OpenAI({ baseURL: `${broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });
  const lists = await Promise.all(Array.from({ length: 5 }, () => client.models.list()));
  for (const { data } of lists) {
    expect(data.map(({ id }) => id)).toEqual([
      'exact-name',
      ...['c/sim-large', 'c/sim-small', 'g/sim-large', 'g/sim-small', 'r/meta/llama-9', 'r/other'],
    ]);
  }
  expect(asked).toEqual([{ url: '/v1/models', authorization: `Bearer ${PROVIDER_KEY}` }]);
});

test('has what agents need, in each client’s format', async () => {
  const { body: openai } = await get('/v1/models', { authorization: `Bearer ${TEST_KEY}` });
  expect(openai.data!.find(({ id }) => id === 'r/meta/llama-9')).toMatchObject({
    created: 1_790_000_000,
    owned_by: 'router',
    context_length: 131_072,
    context_window: 131_072,
    max_completion_tokens: 16_384,
    architecture: { input_modalities: ['text', 'image'] },
    top_provider: { context_length: 131_072, max_completion_tokens: 16_384 },
  });
  const { body: google } = await get('/v1beta/models/exact-name', { 'x-goog-api-key': TEST_KEY });
  expect(google).toMatchObject({ name: 'models/exact-name', inputTokenLimit: 1_048_576, outputTokenLimit: 65_536 });
  const { body: anthropic } = await get('/v1/models/r/meta/llama-9', { 'x-api-key': TEST_KEY });
  expect(anthropic).toMatchObject({
    max_input_tokens: 131_072,
    max_tokens: 16_384,
    created_at: '2026-09-21T14:13:20Z',
  });
});

test('Google’s names are found without `models/`, and other paths are not mistaken for names', async () => {
  const headers = { 'x-goog-api-key': TEST_KEY };
  expect((await get('/v1beta/exact-name', headers)).body).toMatchObject({ name: 'models/exact-name' });
  expect((await get('/v1beta/r/meta/llama-9', headers)).body).toMatchObject({ name: 'models/r/meta/llama-9' });
  expect(await get('/v1beta/nope', headers)).toMatchObject({ status: 404, body: { error: { status: 'NOT_FOUND' } } });
  const { status } = await fetch(`${broker.url}/v1beta/nope`, { method: 'POST', headers });
  expect(status).toBe(404);
});

test('has what Codex requires, without changes for others', async () => {
  const { body } = await get('/v1/models?client_version=0.171.0', { authorization: `Bearer ${TEST_KEY}` });
  expect(body.data!.map(({ id }) => id)).toEqual(body.models!.map(({ slug }) => slug));
  expect(body.models!.find(({ slug }) => slug === 'r/meta/llama-9')).toMatchObject({
    ...{ display_name: 'r/meta/llama-9', visibility: 'list', supported_in_api: true, shell_type: 'unified_exec' },
    ...{ context_window: 131_072, input_modalities: ['text', 'image'] },
  });
  // Codex 0.171.0 rejects a whole list if one model lacks any of these.
  for (const model of body.models!) {
    expect(Object.keys(model)).toEqual(
      expect.arrayContaining([
        ...['slug', 'display_name', 'supported_reasoning_levels', 'shell_type', 'visibility', 'supported_in_api'],
        ...['priority', 'base_instructions', 'support_verbosity', 'truncation_policy', 'experimental_supported_tools'],
      ]),
    );
  }
});

test('a key sees the models it may use; any name of a wildcard is found', async () => {
  const { secret } = await broker.createKey('narrow', { models: ['g/*'] });
  const { body } = await get('/v1/models', { authorization: `Bearer ${secret}` });
  expect(body.data!.map(({ id }) => id)).toEqual(['g/sim-large', 'g/sim-small']);
  const { status } = await get('/v1/models/g/unlisted', { authorization: `Bearer ${secret}` });
  expect(status).toBe(200);
});
