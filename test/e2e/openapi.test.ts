// The OpenAPI document is correct: requests and responses fit the schemas of /openapi.json, operation by operation.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_OPERATIONS } from '#src/api/describe/openapi/admin.ts';
import type { OpenApiDocument } from '#src/api/describe/openapi/document.ts';
import { createRejectStore } from '#src/ledger/reject-store.ts';
import { ADMIN_KEY, startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type DescribedOperation, operationsOf, schemaChecker } from '#test/support/openapi.ts';
import {
  deployment,
  type Providers,
  provider,
  providerConfiguration,
  startProviders,
} from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;
let check: ReturnType<typeof schemaChecker>;
let operations: { pattern: RegExp; method: string; operation: DescribedOperation }[];
const asked = new Set<string>();

beforeAll(async () => {
  vendors = await startProviders({ tokens: 6 });
  const configuration = providerConfiguration(vendors);
  configuration.dead_letters = { key: randomBytes(32).toString('base64') };
  configuration.webhooks = { allow_http: true, allowed_networks: ['127.0.0.0/8'], allowed_ports: [9], attempts: 1 };
  configuration.providers!.primary!.limits = { rpm: 1_000 };
  configuration.providers!.primary!.usage_api = { admin_key: 'organization-key' };
  configuration.providers!.primary!.protocols = ['openai-chat', 'openai-embeddings'];
  configuration.providers!.claude = {
    ...provider(vendors.primary),
    protocols: ['anthropic-messages'],
    base_url: vendors.primary.url,
  };
  configuration.models!.claude = { deployments: [deployment('claude', 'claude')] };
  broker = await startBroker({ configuration, together: true });
  const document = await fetchDocument();
  check = schemaChecker(document);
  operations = operationsOf(document).map(({ method, path, operation }) => ({
    pattern: new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}$`),
    method,
    operation,
  }));
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

async function fetchDocument(): Promise<OpenApiDocument> {
  const answer = await fetch(`${broker.url}/openapi.json`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  return (await answer.json()) as OpenApiDocument;
}

function operationOf(method: string, path: string): DescribedOperation {
  const matching = operations.filter((one) => one.method === method.toLowerCase() && one.pattern.test(path));
  // A fixed path takes precedence over one with parameters.
  const found = matching.sort(
    (a, b) => a.pattern.source.split('[^/]+').length - b.pattern.source.split('[^/]+').length,
  )[0];
  if (found === undefined) throw new Error(`${method} ${path} is not described`);
  return found.operation;
}

interface Sent {
  body?: object;
  form?: FormData;
  headers?: Record<string, string>;
  status?: number;
}

/** Sends it, and checks request and response against the description. */
async function ask<T = Record<string, unknown>>(method: string, url: string, sent: Sent = {}): Promise<T> {
  const path = url.split('?')[0]!;
  const operation = operationOf(method, path);
  const { body, form, status = 200 } = sent;
  const json = operation.requestBody?.content['application/json'];
  if (body !== undefined && status < 400) expect(check(json!.schema, body), `${method} ${url}`).toEqual([]);
  const answer = await fetch(broker.url + url, {
    method,
    headers: {
      authorization: `Bearer ${path.startsWith('/admin') ? ADMIN_KEY : TEST_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...sent.headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(form === undefined ? {} : { body: form }),
  });
  const text = await answer.text();
  expect(answer.status, `${method} ${url}: ${text}`).toBe(status);
  const described = operation.responses[String(status)];
  const hasId = answer.headers.has('x-request-id');
  expect(hasId, `${method} ${url} has x-request-id`).toBe('x-request-id' in (described?.headers ?? {}));
  expect(described, `${method} ${url} answers ${status}`).toBeDefined();
  const type = answer.headers.get('content-type')!.split(';')[0]!;
  expect(Object.keys(described!.content ?? {}), `${method} ${url}`).toContain(type);
  const schema = described!.content![type]!.schema as { 'x-event'?: object };
  if (type === 'application/json') expect(check(schema, JSON.parse(text)), `${method} ${url}: ${text}`).toEqual([]);
  if (type === 'text/event-stream') checkEvents(schema['x-event'], text);
  if (status < 300) asked.add(operation.operationId);
  return (type === 'application/json' ? JSON.parse(text) : text) as T;
}

function checkEvents(schema: object | undefined, text: string): void {
  const data = text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []));
  expect(data.length).toBeGreaterThan(0);
  if (schema !== undefined) for (const event of data) expect(check(schema, event)).toEqual([]);
}

type WithId = { id: string };
type List<T> = { data: T[] };
const messages = [{ role: 'user', content: 'Hello' }];
const chat = { model: 'solo', messages };

test('requests to models, streamed and not, in every protocol', async () => {
  await ask('POST', '/v1/chat/completions', { body: chat });
  await ask('POST', '/v1/chat/completions', {
    body: { ...chat, stream: true, stream_options: { include_usage: true } },
  });
  await ask('POST', '/v1/completions', { body: { model: 'solo', prompt: 'Hello' } });
  await ask('POST', '/v1/embeddings', { body: { model: 'solo', input: 'Hello' } });
  await ask('POST', '/v1/responses', { body: { model: 'solo', input: 'Hello', store: false } });
  await ask('POST', '/v1/responses', { body: { model: 'solo', input: 'Hello', stream: true, store: false } });
  await ask('POST', '/v1/responses/input_tokens', { body: { input: 'Hello' } });
  await ask('POST', '/v1/responses/input_tokens', { body: { input: 'Hello', model: null } });
  await ask('POST', '/v1/responses/compact', { body: { model: 'solo', input: 'Hello' } });
  const message = { model: 'claude', max_tokens: 16, messages };
  await ask('POST', '/v1/messages', { body: message });
  await ask('POST', '/v1/messages', { body: { ...message, stream: true } });
  await ask('POST', '/v1/messages/count_tokens', { body: { model: 'claude', messages } });
  const contents = { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] };
  await ask('POST', '/v1beta/models/solo:generateContent', { body: contents });
  await ask('POST', '/v1beta/models/solo:streamGenerateContent', { body: contents });
  await ask('POST', '/v1beta/models/solo:streamGenerateContent?alt=sse', { body: contents });
  await ask('POST', '/v1beta/models/solo:countTokens', { body: contents });
  await ask('POST', '/v1/chat/completions', { body: {}, status: 400 });
  await ask('POST', '/v1/messages', { body: {}, status: 400 });
  await ask('POST', '/v1beta/models/solo:generateContent', { body: {}, status: 400 });
});

test('models in all formats', async () => {
  for (const headers of [{}, { 'anthropic-version': '2023-06-01' }, { 'x-goog-api-key': TEST_KEY }]) {
    await ask('GET', '/v1/models', { headers });
    await ask('GET', '/v1/models/solo', { headers });
    await ask('GET', '/v1/models/none', { headers, status: 404 });
  }
  await ask('GET', '/v1beta/models');
  await ask('GET', '/openai/v1/models');
});

test('requests, responses and conversations', async () => {
  const headers = { prefer: 'respond-async' };
  const { id } = await ask<WithId>('POST', '/v1/chat/completions', { body: chat, headers, status: 202 });
  await ask('GET', `/v1/requests/${id}`);
  await waitFor(
    'its end',
    async () => (await ask<{ status: string }>('GET', `/v1/requests/${id}`)).status === 'completed',
  );
  await ask('GET', `/v1/requests/${id}/stream`);
  await ask('POST', `/v1/requests/${id}/cancel`);
  await ask('GET', '/v1/requests/none', { status: 404 });
  const response = await ask<WithId>('POST', '/v1/responses', {
    body: { model: 'solo', input: 'Hello', background: true },
  });
  await ask('POST', `/v1/responses/${response.id}/cancel`);
  await ask('GET', `/v1/responses/${response.id}`);
  await ask('GET', `/v1/responses/${response.id}/input_items`);
  await ask('DELETE', `/v1/responses/${response.id}`);
  const items = [{ type: 'message', role: 'user', content: 'Hello' }];
  const conversation = await ask<WithId>('POST', '/v1/conversations', { body: { items, metadata: { a: 'b' } } });
  const path = `/v1/conversations/${conversation.id}`;
  await ask('GET', path);
  await ask('POST', path, { body: { metadata: { a: 'c' } } });
  await ask('POST', `${path}/items`, { body: { items } });
  const { data } = await ask<List<WithId>>('GET', `${path}/items?limit=1`);
  await ask('GET', `${path}/items/${data[0]!.id}`);
  await ask('DELETE', `${path}/items/${data[0]!.id}`);
  await ask('DELETE', path);
  await ask('GET', path, { status: 404 });
});

test('files and batches of both kinds', async () => {
  const form = new FormData();
  form.set('purpose', 'batch');
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: chat };
  form.set('file', new Blob([JSON.stringify(line)]), 'input.jsonl');
  const { id } = await ask<WithId>('POST', '/v1/files', { form });
  for (const headers of [{}, { 'anthropic-version': '2023-06-01' }]) {
    await ask('GET', '/v1/files', { headers });
    await ask('GET', `/v1/files/${id}`, { headers });
    await ask('GET', '/v1/files/none', { headers, status: 404 });
  }
  await ask('GET', `/v1/files/${id}/content`);
  await ask('GET', `/v1/files/${id}/content`, { headers: { range: 'bytes=0-3' }, status: 206 });
  const wish = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' };
  const batch = await ask<WithId>('POST', '/v1/batches', { body: wish });
  await ask('GET', '/v1/batches');
  await ask('GET', `/v1/batches/${batch.id}`);
  const requests = [{ custom_id: 'a', params: { model: 'claude', max_tokens: 8, messages } }];
  const made = await ask<WithId>('POST', '/v1/messages/batches', { body: { requests } });
  await ask('GET', '/v1/messages/batches');
  await waitFor('both to end', async () => {
    const one = await ask<{ status: string }>('GET', `/v1/batches/${batch.id}`);
    const other = await ask<{ processing_status: string }>('GET', `/v1/messages/batches/${made.id}`);
    return one.status === 'completed' && other.processing_status === 'ended';
  });
  await ask('POST', `/v1/batches/${batch.id}/cancel`, { status: 409 });
  await ask('GET', `/v1/messages/batches/${made.id}/results`);
  await ask('DELETE', `/v1/messages/batches/${made.id}`);
  await ask('DELETE', `/v1/files/${id}`);
});

test('administration: keys, usage, holds, limits', async () => {
  const settings = { limits: { rpm: 10 }, budget_usd: 5, budget_period: 'month', models: ['solo'] };
  const { id } = await ask<WithId>('POST', '/admin/keys', { body: { name: 'described', ...settings }, status: 201 });
  await ask('GET', '/admin/keys');
  await ask('PATCH', `/admin/keys/${id}`, { body: { budget_usd: null } });
  await ask('GET', `/admin/keys/${id}`);
  await ask('POST', `/admin/keys/${id}/rotate`, { body: { keep_former_seconds: 60 } });
  await ask('DELETE', `/admin/keys/${id}`);
  await ask('PATCH', '/admin/keys/none', { body: {}, status: 404 });
  await ask('POST', '/admin/keys', { body: { name: '' }, status: 400 });
  await ask('GET', '/admin/usage?group_by=day,key,model,provider');
  await ask('GET', '/admin/usage?per=request&group_by=hour,status&lane=interactive');
  await ask('GET', '/admin/usage?per=request&group_by=deployment', { status: 400 });
  await ask('GET', '/admin/usage?group_by=minute', { status: 400 });
  await ask('GET', '/admin/usage?group_by=key,status&limit=1');
  await ask('GET', '/admin/usage?after=bm9uZQ', { status: 400 });
  await ask('POST', '/admin/holds', { body: { deployment: 'secondary/pair', reason: 'why' }, status: 201 });
  await ask('GET', '/admin/holds');
  await ask('DELETE', `/admin/holds/${encodeURIComponent('deployment:secondary/pair')}`);
  await ask('GET', '/admin/limits');
});

test('administration: accounts, credits, operators and their log', async () => {
  const organisation = { kind: 'organisation', name: 'o', credits: { markup_percent: 5 } };
  const { id } = await ask<WithId>('POST', '/admin/accounts', { body: organisation, status: 201 });
  await ask('POST', '/admin/accounts', { body: { kind: 'project', name: 'p', organisation: 'none' }, status: 400 });
  await ask('GET', '/admin/accounts');
  await ask('GET', `/admin/accounts/${id}`);
  await ask('PATCH', `/admin/accounts/${id}`, { body: { budgets: { week: 5 }, metadata: { team: 'a' } } });
  await ask('POST', `/admin/accounts/${id}/credits`, { body: { amount_usd: 5, note: 'paid' }, status: 201 });
  await ask('GET', `/admin/accounts/${id}/statement?from=2026-01-01`);
  await ask('DELETE', `/admin/accounts/${id}`);
  await ask('DELETE', '/admin/accounts/none', { status: 404 });
  const created = { body: { name: 'reader', role: 'read-only' }, status: 201 };
  const reader = await ask<WithId>('POST', '/admin/admin-keys', created);
  await ask('GET', '/admin/admin-keys');
  await ask('GET', `/admin/admin-keys/${reader.id}`);
  await ask('DELETE', `/admin/admin-keys/${reader.id}`);
  await ask('GET', '/admin/audit?limit=5&actor=sluice&method=POST&path=/admin&from=2026-01-01');
});

test('administration: dead letters and refused ledger messages', async () => {
  const broken = { ...chat, messages: [{ role: 'user', content: '[[sim fault=500]]' }] };
  const headers = { prefer: 'respond-async' };
  const ids = [1, 2].map(() => ask<WithId>('POST', '/v1/chat/completions', { body: broken, headers, status: 202 }));
  const [first] = await Promise.all(ids);
  await waitFor('both letters', async () => (await ask<List<WithId>>('GET', '/admin/dead-letters')).data.length === 2);
  await ask('GET', `/admin/dead-letters?code=upstream_server_error&limit=1`);
  await ask('GET', `/admin/dead-letters/${first!.id}`);
  await ask('POST', `/admin/dead-letters/${first!.id}/replay`, { body: { model: 'pair' }, status: 202 });
  await ask('POST', '/admin/dead-letters/replay', { body: { filter: { model: 'solo' }, limit: 5 } });
  await ask('DELETE', `/admin/dead-letters/${first!.id}`);
  await ask('DELETE', '/admin/dead-letters?model=solo');

  const rejects = createRejectStore(broker.database);
  const message = JSON.stringify({ requestId: 'req_1', outcome: {} });
  for (const id of ['1-0', '2-0', '3-0'])
    await rejects.insert({ id, requestId: null, part: 'ledger', reason: 'why', rejectedAtMs: 1_000, message });
  await ask('GET', '/admin/ledger/rejects?limit=1');
  await ask('GET', '/admin/ledger/rejects/1-0');
  await ask('DELETE', '/admin/ledger/rejects/1-0');
  await ask('POST', '/admin/ledger/rejects/2-0/replay', { status: 202 });
  await ask('POST', '/admin/ledger/rejects/replay', { body: { limit: 1 } });
});

test('administration: webhooks', async () => {
  const body = { url: 'http://127.0.0.1:9/', events: ['*'] };
  const { id } = await ask<WithId>('POST', '/admin/webhooks', { body, status: 201 });
  await ask('GET', '/admin/webhooks');
  await ask('POST', `/admin/webhooks/${id}/enable`);
  await ask('POST', '/v1/chat/completions', { body: chat, headers: { prefer: 'respond-async' }, status: 202 });
  const delivery = await waitFor('a delivery', async () =>
    (await ask<List<WithId>>('GET', '/admin/webhooks/deliveries')).data.at(0),
  );
  await ask('POST', `/admin/webhooks/deliveries/${delivery.id}/replay`);
  await ask('DELETE', `/admin/webhooks/${id}`);
  await ask('DELETE', `/admin/webhooks/${id}`, { status: 404 });
});

test('administration: sessions, requests of all keys, and state', async () => {
  const { data } = await ask<List<WithId>>('GET', '/admin/requests?limit=1&model=s*&outcome=ok&from=2026-01-01');
  await ask('GET', `/admin/requests/${data[0]!.id}`);
  const headers = { prefer: 'respond-async' };
  const open = await ask<WithId>('POST', '/v1/chat/completions', { body: chat, headers, status: 202 });
  await ask('POST', `/admin/requests/${open.id}/cancel`, { status: 202 });
  await ask('GET', '/admin/requests?after=nonsense', { status: 400 });
  await ask('GET', '/admin/requests/none', { status: 404 });
  await ask('GET', '/admin/providers/primary/reconciliation?by=day,model,api_key');
  await ask('GET', '/admin/providers/primary/reconciliation?by=mood', { status: 400 });
  await ask('GET', '/admin/providers/none/reconciliation', { status: 404 });
  for (const format of ['csv', 'jsonl', 'parquet']) await ask('GET', `/admin/usage/export?format=${format}`);
  await ask('GET', '/admin/usage/export?per=request&credential=main', { status: 400 });
  await ask('GET', '/admin/usage/export?format=pdf', { status: 400 });
  await ask('GET', '/admin/alerts?limit=5');
  await ask('GET', '/admin/alerts?type=weather', { status: 400 });
  for (const path of ['in-flight', 'providers', 'batches', 'settings', 'simulators'])
    await ask('GET', `/admin/${path}`);
  await ask('POST', '/admin/keys', { body: { name: 'thrifty', budgets: { day: 1, total: 9 } }, status: 201 });
  await ask('GET', '/admin/budgets');
  const simulator = '/admin/simulators/primary';
  await ask('PUT', `${simulator}/faults`, { body: ['503 model=nobody'] });
  await ask('PUT', `${simulator}/faults`, { body: ['nonsense'], status: 400 });
  await ask('GET', `${simulator}/faults`);
  await ask('PUT', `${simulator}/behaviour`, { body: { paceMs: 0 } });
  await ask('GET', `${simulator}/behaviour`);
  await ask('GET', `${simulator}/stats`);
  await ask('GET', '/admin/simulators/none/faults', { status: 404 });
});

test('administration: a session, and live data', async () => {
  const signedIn = await fetch(`${broker.url}/admin/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  const headers = {
    cookie: signedIn.headers.get('set-cookie')!.split(';')[0]!,
    'x-csrf-token': ((await signedIn.json()) as { csrf_token: string }).csrf_token,
  };
  await ask('POST', '/admin/session', { status: 201 });
  await ask('GET', '/admin/session', { headers });
  await ask('DELETE', '/admin/session', { headers });
  await ask('GET', '/admin/session', { headers, status: 401 });
  await ask('GET', '/admin/sign-in');

  const watching = new AbortController();
  const live = await fetch(`${broker.url}/admin/live`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    signal: watching.signal,
  });
  const schema = operationOf('GET', '/admin/live').responses['200']!.content!['text/event-stream']!.schema as object;
  let text = '';
  for await (const piece of live.body!) {
    text += new TextDecoder().decode(piece);
    if (/event: now\n.*\n\n/.test(text)) break;
  }
  watching.abort();
  checkEvents((schema as { 'x-event': object })['x-event'], text);
  asked.add('watchLive');
});

test('probes, metrics and the document itself', async () => {
  await ask('GET', '/healthz');
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  await ask('GET', '/readyz', { headers });
  await ask('GET', '/metrics', { headers });
  await ask('GET', '/metrics/scaling', { headers });
  const metrics = await fetch(`${broker.url}/metrics`, { headers });
  const text = await metrics.text();
  expect(text).toContain('sluice_fleet_readable 1');
  expect(text).toMatch(/sluice_limit\{scope="provider:primary",kind="requestsPerMinute",source="configured"\} 1000/);
  expect(text).toMatch(/sluice_redis_probe_seconds_count [1-9]/);
  await ask('GET', '/openapi.json');
});

test('no operation of the administration is untested above', () => {
  const left = ADMIN_OPERATIONS.map(({ id }) => id).filter((id) => !asked.has(id));
  expect(left.map((id) => `${id} is not asked in test/e2e/openapi.test.ts: add a call there.`)).toEqual([]);
});
