// `GET models` as each provider's SDK reads it, in that provider's format and with its pages.
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import Anthropic0 from 'anthropic0';
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { beforeAll, describe, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { useProviders } from '#test/support/sdk/providers.ts';

const vendors = useProviders();
let names: string[];
let url: string;

async function idsOf(list: AsyncIterable<{ id?: string; name?: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const model of list) ids.push(model.id ?? model.name ?? '');
  return ids;
}

async function get(path: string, headers: Record<string, string>) {
  const answer = await fetch(`${url}${path}`, { headers });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

beforeAll(async () => {
  url = vendors.broker.url;
  const { body } = await get('/v1/models', { authorization: `Bearer ${TEST_KEY}` });
  names = (body.data as { id: string }[]).map(({ id }) => id);
});

describe.each([
  { name: 'openai 7', Client: OpenAI },
  { name: 'openai 6', Client: OpenAI6 as unknown as typeof OpenAI },
])('$name', ({ Client }) => {
  test.each(['/v1', '/v1/openai'])('lists and finds them under %s', async (path) => {
    const { models } = new Client({ baseURL: url + path, apiKey: TEST_KEY, maxRetries: 0 });
    expect(await idsOf(models.list())).toEqual(names);
    expect(await models.retrieve('claude-opus-5')).toMatchObject({ object: 'model', owned_by: 'anthropic' });
    await expect(models.retrieve('nope')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe.each([
  { name: '@anthropic-ai/sdk 1', Client: Anthropic },
  { name: '@anthropic-ai/sdk 0', Client: Anthropic0 as unknown as typeof Anthropic },
])('$name', ({ Client }) => {
  const connect = (apiKey = TEST_KEY) => new Client({ baseURL: url, apiKey, maxRetries: 0 }).models;

  test('lists them in pages', async () => {
    expect(await idsOf(connect().list())).toEqual(names);
    expect(await idsOf(connect().list({ limit: 3 }))).toEqual(names);
    const before = await connect().list({ limit: 2, before_id: names[4]! });
    expect(before.data.map(({ id }) => id)).toEqual(names.slice(2, 4));
    expect(before.has_more).toBe(true);
  });

  test('retrieves one, with errors in Anthropic’s format', async () => {
    expect(await connect().retrieve('gpt-4o')).toMatchObject({ type: 'model', id: 'gpt-4o', display_name: 'gpt-4o' });
    const notFound = { status: 404, error: { type: 'error', error: { type: 'not_found_error' } } };
    await expect(connect().retrieve('nope')).rejects.toMatchObject(notFound);
    await expect(connect('wrong').list()).rejects.toMatchObject({ status: 401 });
    await expect(connect().list({ limit: 0 })).rejects.toMatchObject({ status: 400 });
    await expect(connect().list({ after_id: 'nope' })).rejects.toMatchObject({ status: 400 });
  });
});

describe('@google/genai', () => {
  const connect = (more: object = {}) =>
    new GoogleGenAI({ apiKey: TEST_KEY, httpOptions: { baseUrl: url, ...more } }).models;
  const resources = () => names.map((name) => `models/${name}`);

  test.each([{}, { apiVersion: 'v1beta' }, { apiVersion: 'v1alpha' }])('lists them in pages: %o', async (more) => {
    expect(await idsOf(await connect(more).list())).toEqual(resources());
    expect(await idsOf(await connect(more).list({ config: { pageSize: 2 } }))).toEqual(resources());
  });

  test('retrieves one, with errors in Google’s format', async () => {
    const model = await connect().get({ model: 'claude-opus-5' });
    expect(model).toMatchObject({ name: 'models/claude-opus-5', displayName: 'claude-opus-5' });
    expect(model.supportedActions).toContain('generateContent');
    await expect(connect().get({ model: 'nope' })).rejects.toMatchObject({ status: 404 });
    const { status, body } = await get('/v1beta/models?pageSize=x', { 'x-goog-api-key': TEST_KEY });
    expect({ status, body }).toMatchObject({ status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } });
  });
});

test.each<[string, string, Record<string, string>, string]>([
  ['a bearer alone', '/v1/models', { authorization: `Bearer ${TEST_KEY}` }, 'object'],
  ['x-api-key', '/v1/models', { 'x-api-key': TEST_KEY }, 'has_more'],
  [
    'a bearer and a version',
    '/v1/models',
    { authorization: `Bearer ${TEST_KEY}`, 'anthropic-version': '2026-10-21' },
    'has_more',
  ],
  ['x-goog-api-key', '/v1/models', { 'x-goog-api-key': TEST_KEY }, 'models'],
  ['a key in the query', `/v1/models?key=${TEST_KEY}`, {}, 'models'],
  ['Google’s address', '/v1beta/models', { authorization: `Bearer ${TEST_KEY}` }, 'models'],
])('%s identifies the kind of client', async (_what, path, headers, member) => {
  const { status, body } = await get(path, headers);
  expect(status).toBe(200);
  expect(Object.keys(body)).toContain(member);
});

test('a key sees the models it may use, with prices, in every format', async () => {
  const { secret } = await vendors.broker.createKey('narrow', { models: ['gpt-*'] });
  const { body: openai } = await get('/v1/models', { authorization: `Bearer ${secret}` });
  const { body: anthropic } = await get('/v1/models', { 'x-api-key': secret });
  const { body: google } = await get('/v1beta/models', { 'x-goog-api-key': secret });
  const pricing = { unit: 'USD per million tokens', input: 2.5, cached_input: 1.25, output: 10 };
  expect(openai.data).toMatchObject([
    { id: 'gpt-4o', pricing },
    { id: 'gpt-5', pricing },
  ]);
  expect(anthropic.data).toMatchObject([
    { id: 'gpt-4o', pricing },
    { id: 'gpt-5', pricing },
  ]);
  expect(google.models).toMatchObject([
    { name: 'models/gpt-4o', pricing },
    { name: 'models/gpt-5', pricing },
  ]);
  const { status } = await get('/v1beta/models/claude-opus-5', { 'x-goog-api-key': secret });
  expect(status).toBe(404);
});
