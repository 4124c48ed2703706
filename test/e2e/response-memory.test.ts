// Stored responses in unusual situations: ownership of a response, what a provider gets to see, failures, races and crashes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { responseConfiguration } from '#test/support/response-providers.ts';
import { waitFor } from '#test/support/wait.ts';

let simulator: Simulator;
let broker: TestBroker;
let otherKey: string;
const BODY_LIMIT = 100_000;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12, keptRequests: 1_000 });
  const configuration = { ...responseConfiguration(simulator), server: { body_limit_bytes: BODY_LIMIT } };
  broker = await startBroker({ configuration, apis: 2, workers: 2 });
  otherKey = (await broker.createKey('other')).secret;
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
});

type Json = Record<string, unknown>;

interface Asked {
  status: number;
  headers: Headers;
  text: string;
  json: Json;
}

async function call(method: string, path: string, body?: object, more: Record<string, string> = {}, api = 0) {
  const answer = await fetch(`${broker.apis[api]!.details.url}/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TEST_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const asked: Asked = { status: answer.status, headers: answer.headers, text, json: {} };
  if (text.startsWith('{')) asked.json = JSON.parse(text) as Json;
  return asked;
}

const create = (body: object, headers: Record<string, string> = {}, api = 0) =>
  call('POST', '/responses', { model: 'by-responses', ...body }, headers, api);
const get = (path: string, api = 0) => call('GET', path, undefined, {}, api);
const asOther = () => ({ authorization: `Bearer ${otherKey}` });
const lastBody = () => JSON.parse(String(simulator.requests().at(-1)!.body)) as Json;
/** As items: a text alone is one. */
const lastInput = () => [lastBody().input].flat() as Json[];
const textOf = ({ json }: Asked) => JSON.stringify(json.output);
const codeOf = ({ json }: Asked) => (json.error as Json).code;

async function untilStatus(id: unknown, status: string): Promise<Json> {
  return waitFor(`${id} to be ${status}`, async () => {
    const { json } = await get(`/responses/${id}`);
    return json.status === status ? json : null;
  });
}

const eventsOf = async (subject: unknown) => {
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('events_outbox').selectAll().execute();
  return rows.filter((row) => row.subject_id === subject).map((row) => [row.type, JSON.parse(row.payload)]);
};

describe('a provider', () => {
  test('never sees what the broker stores, and is told to store nothing', async () => {
    const first = await create({ input: 'Reply with exactly: one' });
    await create({ input: 'Reply with exactly: two', previous_response_id: first.json.id, background: false });
    const sent = lastBody();
    expect(sent).toMatchObject({ store: false, input: expect.any(Array) });
    for (const member of ['previous_response_id', 'conversation', 'background'])
      expect(sent).not.toHaveProperty(member);
  });

  test('gets what extra_body contains', async () => {
    await create({ input: 'Reply with exactly: one', extra_body: { store: true } });
    expect(lastBody()).toMatchObject({ store: true });
  });

  test('gets a request with store: false unchanged, and the answer keeps the provider’s id', async () => {
    const { json } = await create({ input: 'Reply with exactly: one', store: false });
    expect(lastBody()).toMatchObject({ input: 'Reply with exactly: one', store: false });
    expect((await get(`/responses/${json.id}`)).status).toBe(404);
    const next = await create({ input: 'x', previous_response_id: json.id });
    expect([next.status, codeOf(next)]).toEqual([400, 'previous_response_not_found']);
  });
});

describe('a key', () => {
  test('finds only its own responses and conversations', async () => {
    const { json } = await create({ input: 'Reply with exactly: mine' });
    const { json: conversation } = await call('POST', '/conversations', {});
    const tries = await Promise.all([
      call('GET', `/responses/${json.id}`, undefined, asOther()),
      call('DELETE', `/responses/${json.id}`, undefined, asOther()),
      call('POST', `/responses/${json.id}/cancel`, undefined, asOther()),
      call('GET', `/responses/${json.id}/input_items`, undefined, asOther()),
      call('GET', `/conversations/${conversation.id}`, undefined, asOther()),
      call('POST', `/conversations/${conversation.id}`, { metadata: {} }, asOther()),
      call('GET', `/conversations/${conversation.id}/items`, undefined, asOther()),
      call('POST', `/conversations/${conversation.id}/items`, { items: [] }, asOther()),
      call('DELETE', `/conversations/${conversation.id}`, undefined, asOther()),
      create({ input: 'x', conversation: conversation.id }, asOther()),
    ]);
    expect(new Set(tries.map(({ status }) => status))).toEqual(new Set([404]));
    const chained = await create({ input: 'x', previous_response_id: json.id }, asOther());
    expect([chained.status, (chained.json.error as Json).param]).toEqual([400, 'previous_response_id']);
    expect((await get(`/responses/${json.id}`)).status).toBe(200);
  });
});

describe('items', () => {
  test('referenced by id are inserted', async () => {
    const first = await create({ input: 'Reply with exactly: the password is swordfish', model: 'by-chat' });
    const [{ id }] = first.json.output as [Json];
    await create({
      input: [
        { role: 'user', content: 'What is the password?' },
        { type: 'item_reference', id },
        { role: 'user', content: 'Say it again.' },
      ],
    });
    const [, referred] = lastInput();
    expect(referred).toMatchObject({ role: 'assistant', content: [{ text: 'the password is swordfish' }] });
  });

  test('of the input can be listed in pages, newest first', async () => {
    const input = Array.from({ length: 5 }, (_, index) => ({ role: 'user', content: `line ${index}` }));
    const { json } = await create({ input });
    const page = async (query: string) => {
      const { json: list } = await get(`/responses/${json.id}/input_items?${query}`);
      const texts = (list.data as { content: [{ text: string }] }[]).map((item) => item.content[0].text);
      return { ...list, texts } as Json & { texts: string[] };
    };
    const first = await page('limit=2');
    expect(first).toMatchObject({ object: 'list', texts: ['line 4', 'line 3'], has_more: true });
    const second = await page(`limit=3&after=${first.last_id}`);
    expect(second).toMatchObject({ texts: ['line 2', 'line 1', 'line 0'], has_more: false });
    expect((await page('order=asc&limit=1')).texts).toEqual(['line 0']);
    expect((await get(`/responses/${json.id}/input_items?after=msg_none`)).status).toBe(400);
    expect((await get(`/responses/${json.id}/input_items?limit=0`)).status).toBe(400);
  });

  test('count together with those of earlier turns', async () => {
    const { json } = await create({ input: 'x'.repeat(4_000), max_output_tokens: 16 });
    const alone = await call('POST', '/responses/input_tokens', { input: 'short' });
    const chained = await call('POST', '/responses/input_tokens', { input: 'short', previous_response_id: json.id });
    expect(alone.json).toMatchObject({ object: 'response.input_tokens', input_tokens: expect.any(Number) });
    expect(Number(chained.json.input_tokens) - Number(alone.json.input_tokens)).toBeGreaterThan(1_000);
  });

  test('larger in total than the broker accepts are refused', async () => {
    const turns = ['', ''];
    for (const turn of turns.keys()) {
      const previous = turn === 0 ? {} : { previous_response_id: turns[turn - 1] };
      const answer = await create({ input: 'x'.repeat(30_000), ...previous });
      expect(answer.status).toBe(200);
      turns[turn] = String(answer.json.id);
    }
    const third = await create({ input: 'x'.repeat(50_000), previous_response_id: turns[1] });
    expect([third.status, codeOf(third)]).toEqual([413, 'request_too_large']);
  });
});

describe('a conversation', () => {
  test('accepts one request at a time; SDKs are told to retry', async () => {
    const { json } = await call('POST', '/conversations', { items: [{ role: 'user', content: 'We talk about tea.' }] });
    const slow = create({ conversation: json.id, input: '[[sim tokens=40 pace=25]] slow', stream: true });
    const busy = await waitFor('a refusal', async () => {
      const other = await create({ conversation: json.id, input: 'Reply with exactly: me too' }, {}, 1);
      return other.status === 400 ? other : null;
    });
    expect(codeOf(busy)).toBe('conversation_locked');
    expect(busy.headers.get('x-should-retry')).toBe('true');
    await slow;
    const after = await create({ conversation: json.id, input: 'Reply with exactly: my turn' }, {}, 1);
    expect(after.status).toBe(200);
    expect(JSON.stringify(lastBody().input)).toContain('We talk about tea.');
    expect(JSON.stringify(lastBody().input)).toContain('slow');
  });

  test('consecutive turns see each other', async () => {
    const { json } = await call('POST', '/conversations');
    for (let turn = 0; turn < 8; turn++) {
      const answer = await create({ conversation: json.id, input: `Reply with exactly: turn ${turn}` }, {}, turn % 2);
      expect(answer.status).toBe(200);
      expect(lastInput()).toHaveLength(2 * turn + 1);
    }
  });

  test('is free again when its request failed, and stores nothing of it', async () => {
    const { json } = await call('POST', '/conversations');
    const failed = await create({ conversation: json.id, input: '[[sim fault=400]] no' });
    expect(failed.status).toBe(400);
    expect((await create({ conversation: json.id, input: 'Reply with exactly: yes' })).status).toBe(200);
    expect(lastInput()).toHaveLength(1);
  });

  test('has the items of a response as soon as the response has ended, in order', async () => {
    const { json } = await call('POST', '/conversations');
    const path = `/conversations/${json.id}/items`;
    for (const stream of [false, true, false]) {
      const said = `Reply with exactly: ${stream ? 'streamed' : 'whole'}`;
      expect((await create({ conversation: json.id, input: said, stream })).status).toBe(200);
      const { json: page } = await get(`${path}?limit=2`, 1);
      expect(JSON.stringify(page.data)).toContain(stream ? 'streamed' : 'whole');
      await call('POST', path, { items: [{ role: 'user', content: `after ${said}` }] });
      const { json: now } = await get(`${path}?limit=3`);
      expect((now.data as Json[]).map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    }
  });

  test('items can be added, read and removed', async () => {
    const { json } = await call('POST', '/conversations', { metadata: { a: 'b' } });
    const path = `/conversations/${json.id}`;
    const added = await call('POST', `${path}/items`, { items: [{ role: 'user', content: 'Hello' }] });
    const [item] = added.json.data as [Json];
    expect(item).toMatchObject({ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] });
    expect((await get(`${path}/items/${item.id}`)).json).toEqual(item);
    expect((await call('DELETE', `${path}/items/${item.id}`)).json).toMatchObject({
      object: 'conversation',
      id: json.id,
    });
    expect((await get(`${path}/items/${item.id}`)).status).toBe(404);
    expect((await call('POST', path, { metadata: { c: 'd' } })).json).toMatchObject({ metadata: { c: 'd' } });
    expect((await call('DELETE', path)).json).toEqual({ id: json.id, object: 'conversation.deleted', deleted: true });
    expect((await get(path)).status).toBe(404);
  });
});

describe('a background response', () => {
  test('that fails has the reason, and notifies its webhook', async () => {
    const { json } = await create({ background: true, input: '[[sim fault=400]] no' });
    expect(json.status).toBe('queued');
    const failed = await untilStatus(json.id, 'failed');
    expect(failed).toMatchObject({ error: { code: 'invalid_prompt', message: expect.any(String) }, output: [] });
    expect(await eventsOf(json.id)).toEqual([['response.failed', { id: json.id }]]);
    expect(await get(`/responses/${json.id}`)).toMatchObject({ json: failed });
  });

  test('that reaches its limit is incomplete', async () => {
    const { json } = await create({ background: true, input: '[[sim tokens=40]] long', max_output_tokens: 16 });
    const incomplete = await untilStatus(json.id, 'incomplete');
    expect(incomplete).toMatchObject({ incomplete_details: { reason: 'max_output_tokens' } });
    expect(await eventsOf(json.id)).toEqual([['response.incomplete', { id: json.id }]]);
  });

  test('whose stream fails ends in response.failed, numbered like the rest', async () => {
    const { text } = await create({ background: true, stream: true, input: '[[sim fault=cut@5 tokens=20]] cut' });
    const events = [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!) as Json);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed', background: true } });
    const { id } = events[0]!.response as Json;
    await booksClosed(broker);
    const kept = await get(`/responses/${id}`);
    expect(kept.json).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
    expect(textOf(kept)).toContain('output_text');
    const replayed = await get(`/responses/${id}?stream=true&starting_after=3`, 1);
    expect(replayed.text).toContain('event: response.failed');
    expect(replayed.text).not.toContain('"sequence_number":3,');
  });

  test('cancelled before its turn causes no call to a provider', async () => {
    const { json } = await create({ background: true, input: '[[sim first=5000]] wait' });
    const cancelled = await call('POST', `/responses/${json.id}/cancel`);
    expect(cancelled.json).toMatchObject({ status: 'cancelled', output: [] });
    expect(await eventsOf(json.id)).toEqual([['response.cancelled', { id: json.id }]]);
  });

  test('is created once, however often its idempotency key is used', async () => {
    const body = { background: true, input: '[[sim tokens=20 pace=20]] once' };
    const key = { 'idempotency-key': 'background once' };
    const answers = await Promise.all([0, 1, 0, 1].map((api) => create(body, key, api)));
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const id = answers[0]!.json.id;
    await untilStatus(id, 'completed');
    expect((await create(body, key)).json).toMatchObject({ id, status: 'completed' });
  });

  test('shows its output so far', async () => {
    const aborter = new AbortController();
    const started = await fetch(`${broker.url}/v1/responses`, {
      method: 'POST',
      signal: aborter.signal,
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'by-messages',
        background: true,
        stream: true,
        input: '[[sim tokens=100 pace=20]] go',
      }),
    });
    const id = started.headers.get('x-request-id')!.replace('req_', 'resp_');
    const partial = await waitFor('some words', async () => {
      const { json } = await get(`/responses/${id}`, 1);
      return JSON.stringify(json.output).length > 200 ? json : null;
    });
    expect(partial).toMatchObject({ id, status: 'in_progress', usage: null });
    aborter.abort();
    const done = await untilStatus(id, 'completed');
    expect(JSON.stringify(done.output).length).toBeGreaterThan(JSON.stringify(partial.output).length);
  });

  test('stays deleted if it is deleted while it runs', async () => {
    const { json } = await create({ background: true, input: '[[sim tokens=2000 pace=20]] endless' });
    expect((await call('DELETE', `/responses/${json.id}`)).json).toMatchObject({ deleted: true });
    await booksClosed(broker);
    expect((await get(`/responses/${json.id}`)).status).toBe(404);
  });

  test('that is not stored can be fetched anyway', async () => {
    const { json } = await create({ background: true, store: false, input: 'Reply with exactly: briefly' });
    await untilStatus(json.id, 'completed');
    await booksClosed(broker);
    const row = await broker.database
      .selectFrom('responses')
      .selectAll()
      .where('id', '=', String(json.id))
      .executeTakeFirstOrThrow();
    expect(Number(row.expires_at) - Number(row.created_at)).toBeLessThan(11 * 60_000);
  });

  test('survives the worker that wrote it', async () => {
    const { json } = await create({ background: true, input: '[[sim tokens=20 pace=40]] survive' });
    await untilStatus(json.id, 'in_progress');
    const doomed = broker.workers.splice(0);
    await Promise.all(doomed.map((worker) => worker.kill()));
    await Promise.all([broker.startWorker(), broker.startWorker()]);
    await waitFor('its end', async () => (await get(`/responses/${json.id}`)).json.status === 'completed', 25_000);
    expect(await eventsOf(json.id)).toEqual([['response.completed', { id: json.id }]]);
  });
});

describe('an asynchronous request', () => {
  test('notifies its webhook of its end', async () => {
    const prefer = { prefer: 'respond-async' };
    const good = await create({ input: 'Reply with exactly: later' }, prefer);
    const bad = await create({ input: '[[sim fault=400]] no' }, prefer);
    expect([good.status, bad.status]).toEqual([202, 202]);
    for (const { json } of [good, bad]) {
      await waitFor('its end', async () => ((await get(`/requests/${json.id}`)).json.finished_at as number) > 0);
    }
    expect(await eventsOf(good.json.id)).toEqual([['request.completed', { id: good.json.id }]]);
    expect(await eventsOf(bad.json.id)).toEqual([['request.failed', { id: bad.json.id }]]);
    const id = String(good.json.id).replace('req_', 'resp_');
    expect((await get(`/responses/${id}`)).json).toMatchObject({ id, status: 'completed' });
  });
});

describe('impossible requests get an error', () => {
  test('a synchronous response cannot be cancelled', async () => {
    const { json } = await create({ input: 'Reply with exactly: done' });
    expect(await call('POST', `/responses/${json.id}/cancel`)).toMatchObject({ status: 400 });
  });

  test('a synchronous response cannot be streamed again', async () => {
    const { json } = await create({ input: 'Reply with exactly: done' });
    expect(await get(`/responses/${json.id}?stream=true`)).toMatchObject({ status: 400 });
  });

  test('an earlier response and a conversation exclude each other', async () => {
    const both = await create({ input: 'x', previous_response_id: 'resp_1', conversation: 'conv_1' });
    expect([both.status, (both.json.error as Json).param]).toEqual([400, 'previous_response_id']);
  });

  test.each(['/responses/resp_none', '/responses/nonsense', '/conversations/conv_none'])(
    '%s is a 404',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(404);
      expect(answer.json.error).toMatchObject({
        type: 'invalid_request_error',
        message: expect.stringContaining('not found'),
      });
    },
  );

  test('a running response cannot be a previous response', async () => {
    const { json } = await create({ background: true, input: '[[sim tokens=2000 pace=20]] endless' });
    const next = await create({ input: 'x', previous_response_id: json.id });
    expect([next.status, codeOf(next)]).toEqual([400, 'previous_response_not_found']);
    await call('POST', `/responses/${json.id}/cancel`);
  });
});
