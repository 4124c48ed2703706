// The Responses API over WebSockets: with OpenAI's SDK and without, with providers of every protocol.
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { RESPONSE_MODELS, responseConfiguration } from '#test/support/response-providers.ts';
import { waitFor } from '#test/support/wait.ts';
import { openSocket, refusedUpgrade, type TestSocket } from '#test/support/web-socket.ts';

const LIMIT_BYTES = 100_000;
let simulator: Simulator;
let broker: TestBroker;
const sockets: TestSocket[] = [];

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12, keptRequests: 1_000 });
  const configuration = responseConfiguration(simulator);
  broker = await startBroker({
    configuration: {
      ...configuration,
      server: {
        body_limit_bytes: LIMIT_BYTES,
        websockets: { connections_per_key: 3, turns_per_connection: 4 },
      },
    },
    apis: 2,
  });
});
afterEach(() => {
  for (const { socket } of sockets.splice(0)) socket.terminate();
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
});

const authorization = { authorization: `Bearer ${TEST_KEY}` };
const urlOf = (api = 0) => `${broker.apis[api]!.details.url}/v1/responses`;

async function open(headers: Record<string, string> = authorization, path = urlOf()): Promise<TestSocket> {
  const opened = await openSocket(path, headers);
  sockets.push(opened);
  return opened;
}

const create = (input: unknown, more: object = {}) => ({
  type: 'response.create',
  model: 'by-responses',
  input,
  ...more,
});
const ended = (event: Record<string, unknown>) => event.response as { id: string; status: string; output: unknown[] };
const lastSent = () => JSON.stringify(simulator.requests().at(-1));
const clientOf = (api = 0) =>
  new OpenAI({ baseURL: `${broker.apis[api]!.details.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });

describe.each(RESPONSE_MODELS)('a provider of $protocol', ({ model }) => {
  test('two turns by OpenAI’s SDK, each a request of its own', async () => {
    const ws = new ResponsesWS(clientOf());
    const texts: string[] = [];
    let previous: string | undefined;
    const said = ['first words', 'second words'];
    const send = () =>
      ws.send({
        type: 'response.create',
        model,
        input: `Reply with exactly: ${said[texts.length]}`,
        ...(previous === undefined ? {} : { previous_response_id: previous }),
      });
    const numbers: number[] = [];
    let text = '';
    for await (const event of ws.stream()) {
      if (event.type === 'open') send();
      if (event.type === 'error') throw event.error;
      if (event.type !== 'message') continue;
      const { message } = event;
      numbers.push((message as { sequence_number: number }).sequence_number);
      if (message.type === 'response.output_text.delta') text += message.delta;
      if (message.type !== 'response.completed') continue;
      expect(numbers).toEqual(numbers.map((_, index) => index));
      expect(message.response).toMatchObject({
        status: 'completed',
        store: true,
        previous_response_id: previous ?? null,
      });
      texts.push(text);
      previous = message.response.id;
      numbers.length = 0;
      text = '';
      if (texts.length === 2) break;
      send();
    }
    ws.close();
    expect(texts).toEqual(said);
    expect(lastSent()).toContain('first words');
    expect(await clientOf(1).responses.retrieve(previous!)).toMatchObject({ id: previous, status: 'completed' });
    await booksClosed(broker);
  });

  test('an unstored chain is known on its connection', async () => {
    const { send, next } = await open();
    send(create('Reply with exactly: one', { model, store: false }));
    const first = ended(await next('response.completed'));
    send(
      create([{ role: 'user', content: 'Reply with exactly: two' }], {
        model,
        store: false,
        previous_response_id: first.id,
      }),
    );
    const second = ended(await next('response.completed'));
    expect(lastSent()).toContain('exactly: one');
    send(create('Reply with exactly: three', { model, store: false, previous_response_id: second.id }));
    await next('response.completed');
    for (const word of ['one', 'two', 'three']) expect(lastSent()).toContain(`exactly: ${word}`);

    const other = await open();
    other.send(create('Hello', { model, store: false, previous_response_id: second.id }));
    expect(await other.next('error')).toMatchObject({
      status: 400,
      error: { code: 'previous_response_not_found', param: 'previous_response_id', type: 'invalid_request_error' },
    });
  });
});

test('a warm-up calls no provider, and the next turn continues from it', async () => {
  const before = simulator.requests().length;
  const { send, next } = await open();
  send(create('Something to know beforehand', { generate: false, store: false }));
  expect(ended(await next('response.created'))).toMatchObject({ status: 'in_progress' });
  const warm = ended(await next('response.completed'));
  expect(warm).toMatchObject({ id: expect.stringMatching(/^resp_/), status: 'completed', output: [] });
  expect(simulator.requests()).toHaveLength(before);
  send(create('Reply with exactly: warm', { store: false, previous_response_id: warm.id }));
  await next('response.completed');
  expect(lastSent()).toContain('Something to know beforehand');
});

describe('an error is sent as an event, and the connection stays open', () => {
  test.each([
    ['text that is no JSON', '{"type"', 400, null],
    ['a list', '[]', 400, null],
    ['another type', { type: 'session.update' }, 400, 'type'],
    ['a model that there is not', create('x', { model: 'nope' }), 404, 'model'],
    ['no input', { type: 'response.create', model: 'by-chat' }, 400, 'input'],
    ['background', create('x', { background: true }), 400, 'background'],
    ['an unknown response before it', create('x', { previous_response_id: 'resp_nope' }), 400, 'previous_response_id'],
    ['a lane without a name', create('x', { stream_id: '' }), 400, 'stream_id'],
    ['more bytes than a request may have', create('x'.repeat(LIMIT_BYTES)), 413, null],
    ['a provider that refuses', create('x [[sim fault=bad_request]]'), 400, 'temperature'],
  ])('%s', async (_, event, status, param) => {
    const { socket, send, next } = await open();
    if (typeof event === 'string') socket.send(event);
    else send(event);
    const said = await next('error');
    expect(said).toMatchObject({ status, error: { message: expect.any(String), type: 'invalid_request_error' } });
    expect((said.error as { param: unknown }).param).toBe(param);
    send(create('Reply with exactly: still here'));
    expect(ended(await next('response.completed')).status).toBe('completed');
  });

  test('a binary message', async () => {
    const { socket, send, next } = await open();
    socket.send(Buffer.from(JSON.stringify(create('x'))));
    expect(await next('error')).toMatchObject({ status: 400 });
    send(create('Reply with exactly: still here'));
    await next('response.completed');
  });

  test('steering is not supported by providers: the input is returned', async () => {
    const { send, next } = await open();
    send({ type: 'response.steer', previous_response_id: 'resp_x', input: 'Faster' });
    expect(await next('response.steer.failed')).toMatchObject({
      error: { code: 'steering_not_supported' },
      steer: { previous_response_id: 'resp_x', input: 'Faster' },
    });
  });

  test('an answer that breaks off: an error event with a status, in a stream that cannot be continued', async () => {
    const { send, next } = await open();
    send(create('[[sim fault=error_event@3 tokens=20]]'));
    await next('response.output_text.delta');
    const said = await next('error');
    expect(said.status).toBeGreaterThanOrEqual(500);
    expect(said).toMatchObject({ code: expect.any(String), error: { message: said.message, type: 'server_error' } });
    send(create('Reply with exactly: still here'));
    await next('response.completed');
  });
});

test('turns of one lane run in order, lanes run in parallel, each event names its lane', async () => {
  const { send, next, events } = await open();
  send(create('[[sim tokens=40 pace=20]]', { stream_id: 'slow' }));
  send(create('Reply with exactly: behind', { stream_id: 'slow' }));
  send(create('Reply with exactly: beside', { stream_id: 'fast' }));
  await next('response.completed', 'fast');
  const done = () => events.filter(({ type }) => type === 'response.completed').map((event) => event.stream_id);
  expect(done()).toEqual(['fast']);
  await waitFor('all three', async () => (done().length === 3 ? true : null));
  expect(done()).toEqual(['fast', 'slow', 'slow']);
  expect(events.every(({ stream_id: id }) => id === 'slow' || id === 'fast')).toBe(true);
});

test('more turns than may wait are refused, and the others are answered', async () => {
  const { send, next, events } = await open();
  for (let turn = 0; turn < 6; turn++) send(create('[[sim tokens=8 pace=20]]'));
  await waitFor('four answers', async () =>
    events.filter(({ type }) => type === 'response.completed').length === 4 ? true : null,
  );
  expect(events.filter(({ type }) => type === 'error')).toMatchObject([{ status: 429 }, { status: 429 }]);
  send(create('Reply with exactly: room again'));
  await next('response.completed');
});

test('a stream that broke off can be resumed by the response’s id, on another instance', async () => {
  const { socket, send, next } = await open();
  send(create('[[sim tokens=60 pace=25]]'));
  const { id } = ended(await next('response.created'));
  const seen = (await next('response.output_text.delta')).sequence_number as number;
  socket.terminate();
  const stream = await clientOf(1).responses.retrieve(id, { stream: true, starting_after: seen });
  const numbers: number[] = [];
  let last = '';
  for await (const event of stream) {
    numbers.push(event.sequence_number);
    last = event.type;
  }
  expect(numbers).toEqual(numbers.map((_, index) => seen + 1 + index));
  expect(last).toBe('response.completed');
  expect(await clientOf().responses.retrieve(id)).toMatchObject({ status: 'completed' });
  await booksClosed(broker);
});

test('a client that disconnects ends its unstored requests', async () => {
  const { socket, send, next } = await open();
  send(create('[[sim tokens=500 pace=50]]', { store: false }));
  await next('response.output_text.delta');
  socket.terminate();
  await booksClosed(broker);
  expect(simulator.bill.entries().at(-1)).toMatchObject({ outcome: expect.not.stringMatching(/^ok$/) });
});

describe('the upgrade', () => {
  test('is accepted at the address with every prefix', async () => {
    for (const prefix of ['/v1/openai', '/openai/v1']) {
      const { send, next } = await open(authorization, urlOf().replace('/v1/responses', `${prefix}/responses`));
      send(create('Reply with exactly: yes'));
      await next('response.completed');
    }
  });

  test('is refused with a status: no key, a wrong one, another path, more connections than a key may have', async () => {
    expect(await refusedUpgrade(urlOf(), {})).toMatchObject({ status: 401 });
    expect(await refusedUpgrade(urlOf(), { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 });
    expect(await refusedUpgrade(urlOf().replace('responses', 'models'), authorization)).toMatchObject({ status: 426 });
    for (let count = 0; count < 3; count++) await open();
    expect(await refusedUpgrade(urlOf(), authorization)).toMatchObject({ status: 429 });
    sockets.pop()!.socket.terminate();
    await waitFor('room again', () => open().catch(() => null));
  });

  test('offered by an ordinary request is ignored', async () => {
    const answer = await fetch(urlOf(), { headers: authorization });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST');
  });
});

test('a revoked key ends its connections at their next turn', async () => {
  const { id, secret } = await broker.createKey('short-lived');
  const { send, next, closed } = await open({ authorization: `Bearer ${secret}` });
  send(create('Reply with exactly: yes'));
  await next('response.completed');
  const revoked = await fetch(`${broker.url}/admin/keys/${id}`, {
    method: 'DELETE',
    headers: { authorization: 'Bearer admin-test-0123456789' },
  });
  expect(revoked.ok).toBe(true);
  send(create('Reply with exactly: no'));
  expect(await next('error')).toMatchObject({ status: 401 });
  expect(await closed).toEqual({ code: 1001 });
});

test('the provider’s headers are passed on: session and beta headers, but not the socket’s own', async () => {
  const { send, next } = await open({
    ...authorization,
    'openai-beta': 'responses_websockets=2026-02-06, responses_multi_agent=v1',
    'x-codex-turn-metadata': '{"turn":1}',
    session_id: 'abc',
    'openai-organization': 'org-of-the-client',
  });
  send(create('Reply with exactly: yes', { client_metadata: { a: 'b' }, prompt_cache_key: 'k' }));
  await next('response.completed');
  const { headers, body } = simulator.requests().at(-1)!;
  expect(headers).toMatchObject({
    'openai-beta': 'responses_multi_agent=v1',
    'x-codex-turn-metadata': '{"turn":1}',
    session_id: 'abc',
  });
  expect(headers).not.toHaveProperty('openai-organization');
  expect(JSON.parse(body)).toMatchObject({ client_metadata: { a: 'b' }, prompt_cache_key: 'k', stream: true });
  expect(JSON.parse(body)).not.toHaveProperty('type');
});

test('a process that shuts down completes the running turn, accepts no other, and closes its connections', async () => {
  const api = await broker.startApi();
  const { send, next, closed, events } = await open(authorization, `${api.details.url}/v1/responses`);
  const idle = await open(authorization, `${api.details.url}/v1/responses`);
  send(create('[[sim tokens=60 pace=20]]', { stream_id: 'one' }));
  await next('response.output_text.delta');
  const stopped = api.stop();
  await waitFor('a turn to be refused', async () => {
    send(create('Hello', { stream_id: 'two', model: 'nope' }));
    return events.some(({ type, status }) => type === 'error' && status === 503);
  });
  expect(ended(await next('response.completed', 'one')).status).toBe('completed');
  expect(await closed).toEqual({ code: 1001 });
  expect(await idle.closed).toEqual({ code: 1001 });
  await stopped;
});
