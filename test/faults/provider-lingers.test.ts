// Symptom: an answer whose last event had arrived was still open: if its client closed then, the request was recorded as
// cancelled and its response lost, and a provider that kept its connection open held the client for 30 s and then failed a
// complete answer. Cause: the end of the connection counted, not the terminal event. Fix: the request has ended once that event
// is relayed. Also: compressed answers, invalid UTF-8, the provider's own ids and reconnection times.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { PRICE } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: { type: string }) => `event: ${value.type}\n${data(value)}`;
const chunk = (delta: object, finish: string | null = null) =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
const USAGE = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 };
const CHAT = [
  chunk({ role: 'assistant', content: 'Hello' }),
  chunk({}, 'stop'),
  data({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: USAGE }),
  'data: [DONE]\n\n',
];
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
};
const response = (status: string, output: object[]) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status,
  model: 'm',
  output,
  usage: status === 'completed' ? { input_tokens: 10, output_tokens: 2, total_tokens: 12 } : null,
});
const RESPONSES = [
  named({ type: 'response.created', response: response('in_progress', []) } as never),
  named({
    type: 'response.output_item.added',
    output_index: 0,
    item: { ...message, status: 'in_progress', content: [] },
  } as never),
  named({
    type: 'response.output_text.delta',
    item_id: 'msg_1',
    output_index: 0,
    content_index: 0,
    delta: 'Hello',
  } as never),
  named({ type: 'response.output_item.done', output_index: 0, item: message } as never),
  named({ type: 'response.completed', response: response('completed', [message]) } as never),
];
const MESSAGES = [
  named({
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      usage: { input_tokens: 10, output_tokens: 1 },
    },
  } as never),
  named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as never),
  named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } } as never),
  named({ type: 'content_block_stop', index: 0 } as never),
  named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } } as never),
  named({ type: 'message_stop' }),
];
const GEMINI = [
  data({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'Hello' }] } }] }),
  data({
    candidates: [{ index: 0, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 2, totalTokenCount: 12 },
  }),
];
const WHOLE = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: USAGE,
});
const ENCODERS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync } as const;

function eventsOf(path: string): string[] {
  if (path.endsWith('/messages')) return MESSAGES;
  if (path.endsWith('/responses')) return RESPONSES;
  return path.includes('/models/') ? GEMINI : CHAT;
}

/** Streams of these connections were never ended by the provider. */
let leftOpen = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.on('data', (piece: Buffer) => {
    body += piece.toString();
  });
  request.on('end', () => {
    const { model, stream } = JSON.parse(body) as { model?: string; stream?: boolean };
    const path = request.url!.split('?')[0]!;
    const wanted = model ?? /models\/([^:]+)/.exec(path)![1]!;
    const [kind, detail] = wanted.split('.') as [string, string?];
    const events = eventsOf(path);
    const isStream = stream === true || path.includes('stream');
    const encode = ENCODERS[detail as keyof typeof ENCODERS] ?? ((bytes: Buffer) => bytes);
    response.writeHead(200, {
      'content-type': isStream ? 'text/event-stream' : 'application/json',
      ...(kind === 'encoded' ? { 'content-encoding': detail } : {}),
    });
    if (!isStream)
      return void response.end(
        kind === 'broken' ? Buffer.from(WHOLE.replace('Hello', '\u00ff'), 'latin1') : encode(Buffer.from(WHOLE)),
      );
    switch (kind) {
      case 'lingers':
        leftOpen += 1;
        response.once('close', () => {
          leftOpen -= 1;
        });
        return void response.write(events.join(''));
      case 'late':
        response.write(events.join(''));
        return void setTimeout(() => response.end(), 40);
      case 'after':
        response.write(events.join(''));
        return void setTimeout(() => response.end('data: {"error":{"message":"too late","code":500}}\n\nnonsense'), 20);
      case 'steers':
        return void response.end(events.map((event) => `id: 99-99\nretry: 86400000\n${event}`).join(''));
      case 'broken':
        response.write(events[0]);
        return void response.end(
          Buffer.concat([
            Buffer.from('data: {"a":"'),
            Buffer.from([0xff, 0xfe]),
            Buffer.from('"}\n\n'),
            Buffer.from(events.slice(1).join('')),
          ]),
        );
      case 'lines':
        return void response.end(`${events[0]}${'data: x\n'.repeat(200_000)}\n${events.slice(1).join('')}`);
      default:
        return void response.end(encode(Buffer.from(events.join(''))));
    }
  });
}

const PROTOCOLS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini-generate-content'] as const;
const KINDS = [
  'lingers',
  'late',
  'after',
  'steers',
  'broken',
  'lines',
  'plain',
  ...['gzip', 'deflate', 'br', 'zstd', 'lzma', 'gzip2'].map((name) => `encoded.${name}`),
];

let server: Server;
let broker: TestBroker;

beforeAll(async () => {
  server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  broker = await startBroker({
    configuration: {
      providers: Object.fromEntries(
        PROTOCOLS.map((protocol) => [
          protocol,
          { protocols: [protocol], base_url: protocol.startsWith('openai') ? `${url}/v1` : url, retries: { max: 0 } },
        ]),
      ),
      models: Object.fromEntries(
        PROTOCOLS.flatMap((provider) =>
          KINDS.map((model) => [
            `${provider}/${model}`,
            { deployments: [{ id: `${provider}-${model}`, provider, model, price: PRICE }] },
          ]),
        ),
      ),
    },
  });
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  server?.closeAllConnections();
  server?.close();
});

/** What each protocol's stream ends with, for a client of it. */
const CLIENTS = {
  'openai-chat': {
    path: '/v1/chat/completions',
    last: '[DONE]',
    body: (model: string) => ({ model, stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
  },
  'openai-responses': {
    path: '/v1/responses',
    last: 'response.completed',
    body: (model: string) => ({ model, stream: true, input: 'Hi', store: true }),
  },
  'anthropic-messages': {
    path: '/v1/messages',
    last: 'message_stop',
    body: (model: string) => ({ model, stream: true, max_tokens: 50, messages: [{ role: 'user', content: 'Hi' }] }),
  },
} as const;
const PAIRS = (Object.keys(CLIENTS) as (keyof typeof CLIENTS)[]).flatMap((client) =>
  PROTOCOLS.map((vendor) => [client, vendor] as const),
);

describe('a provider that keeps the connection open after its last event', () => {
  // At the same time: without a terminator there is one only after some seconds.
  test.concurrent.each(PAIRS)(
    '%s from %s: the client gets the end, the request is finished',
    async (client, vendor) => {
      const { path, last, body } = CLIENTS[client];
      const { text, ending, headers } = await ask(broker.url, { path, body: body(`${vendor}/lingers`) });
      expect({
        ending,
        isWhole: text.includes(last),
        isFailed: /error/.test(text.replaceAll('"error":null', '')),
      }).toEqual({
        ending: 'whole',
        isWhole: true,
        isFailed: false,
      });
      expect(await requestRow(broker, headers['x-request-id']!)).toMatchObject({ outcome: 'ok' });
    },
  );

  test('is disconnected, so that its connections do not accumulate', async () => {
    await waitFor('the connections to be closed', () => (leftOpen === 0 ? true : null));
  });

  test.each(PAIRS)('%s from %s: nothing after the end makes it fail', async (client, vendor) => {
    const { path, last, body } = CLIENTS[client];
    if (vendor === 'gemini-generate-content') return; // Gemini has no terminator: an error after a first "STOP" reaches the client.
    const { text, headers } = await ask(broker.url, { path, body: body(`${vendor}/after`) });
    expect(text).toContain(last);
    expect(text).not.toContain('too late');
    expect(await requestRow(broker, headers['x-request-id']!)).toMatchObject({ outcome: 'ok' });
  });
});

test('an error after a first "STOP" of Gemini reaches every client', async () => {
  for (const { path, body } of Object.values(CLIENTS)) {
    const { text } = await ask(broker.url, { path, body: body('gemini-generate-content/after') });
    expect(text).toMatch(/error|failed/);
  }
});

describe('a client that closes at the last event', () => {
  test.each(PAIRS)('%s from %s: the request is ok, and its response is stored', async (client, vendor) => {
    const { path, last, body } = CLIENTS[client];
    for (let round = 0; round < 3; round += 1) {
      const open = openAnswer(broker.url, { path, body: body(`${vendor}/late`) });
      await waitFor('the last event', () => (open.text.includes(last) ? true : null));
      open.abort();
      await open.ended;
      expect(await requestRow(broker, open.headers['x-request-id']!)).toMatchObject({ outcome: 'ok' });
      const id = /"id":"(resp_[a-z0-9]+)"/.exec(open.text)?.[1];
      if (id === undefined) continue;
      const kept = await fetch(`${broker.url}/v1/responses/${id}`, {
        headers: { authorization: `Bearer ${TEST_KEY}` },
      });
      expect(kept.status).toBe(200);
    }
  });
});

describe('compressed answers', () => {
  test.each(Object.keys(ENCODERS))('%s, unstreamed and streamed', async (encoding) => {
    for (const stream of [false, true]) {
      const { status, text } = await ask(broker.url, { model: `openai-chat/encoded.${encoding}`, stream });
      expect(status).toBe(200);
      expect(text).toContain('Hello');
    }
  });

  test.each([
    ['in an encoding that is not known', 'lzma'],
    ['in one that they are not', 'gzip2'],
  ])('%s: reported as the provider’s fault', async (_name, encoding) => {
    const { status, text } = await ask(broker.url, { model: `openai-chat/encoded.${encoding}` });
    expect(status).toBe(502);
    expect(text).toMatch(/cannot be read/);
  });
});

describe('bytes that are not an answer', () => {
  test('broken UTF-8: no client gets it as an answer', async () => {
    const whole = await ask(broker.url, { model: 'openai-chat/broken' });
    expect(whole.status).toBe(502);
    const streamed = await ask(broker.url, { model: 'openai-chat/broken', stream: true });
    expect(streamed.text).toMatch(/not UTF-8/);
    expect(streamed.text).not.toContain('[DONE]');
  });

  test('an event of 200,000 lines ends its stream, not the worker', async () => {
    expect((await ask(broker.url, { model: 'openai-chat/lines', stream: true })).text).toMatch(/too many lines/);
  });

  test('the ids and reconnection times of a stream are those of Sluice', async () => {
    const { text } = await ask(broker.url, { model: 'openai-chat/steers', stream: true });
    expect(text).toMatch(/^id: 1-\d+$/m);
    expect(text).not.toMatch(/99-99|retry:/);
    expect(text).toContain('[DONE]');
  });
});

test('what was billed: every answer as its provider counted', async () => {
  await booksClosed(broker);
  const answered = (await ledgerRows(broker)).filter(({ outcome }) => outcome === 'ok');
  expect(answered.length).toBeGreaterThan(60);
  expect(answered.filter(({ inputTokens, outputTokens }) => inputTokens !== 10 || outputTokens !== 2)).toEqual([]);
});

test('what happens to the next request: it is answered, no circuit is open', async () => {
  expect((await ask(broker.url, { model: 'openai-chat/plain', stream: true })).text).toContain('[DONE]');
});
