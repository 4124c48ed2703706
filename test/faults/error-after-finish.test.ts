// Symptom: if a provider sent STOP and then an error as bare JSON at the end of its bytes, Gemini's clients got a complete
// answer. And a finished stream was broken by half an event after it. Cause: the last bytes without an empty line were not read
// once every choice had finished. Fix: a whole JSON text there is read, a partial one is not. The terminal event is the end of
// a stream; nothing after it counts.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, closedRows } from '#test/support/ledger.ts';
import { PRICE, PROVIDER_KEY, RETRIES } from '#test/support/providers.ts';

const json = (value: object) => JSON.stringify(value);
const data = (value: object) => `data: ${json(value)}\n\n`;
const named = (type: string, members: object = {}) => `event: ${type}\n${data({ type, ...members })}`;

const chunk = (delta: object, finish: string | null) =>
  data({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });
const candidate = (text: string, more: object = {}) =>
  data({ candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }] });

interface Dialect {
  protocol: string;
  baseUrl: (origin: string) => string;
  /** Up to the finish, without the terminal event. */
  finished: string;
  /** Null if the protocol has none. */
  terminal: string | null;
  error: object;
}

const DIALECTS: Record<string, Dialect> = {
  chat: {
    protocol: 'openai-chat',
    baseUrl: (origin) => `${origin}/v1`,
    finished: chunk({ role: 'assistant', content: 'hello' }, null) + chunk({}, 'stop'),
    terminal: 'data: [DONE]\n\n',
    error: { error: { message: 'too late', code: 'server_error' } },
  },
  messages: {
    protocol: 'anthropic-messages',
    baseUrl: (origin) => origin,
    finished:
      named('message_start', { message: { id: 'm', content: [], usage: { input_tokens: 3, output_tokens: 1 } } }) +
      named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
      named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'hello' } }) +
      named('content_block_stop', { index: 0 }) +
      named('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }),
    terminal: named('message_stop'),
    error: { type: 'error', error: { type: 'api_error', message: 'too late' } },
  },
  gemini: {
    protocol: 'gemini-generate-content',
    baseUrl: (origin) => origin,
    finished: candidate('hello') + candidate('', { finishReason: 'STOP' }),
    terminal: null,
    error: { error: { code: 500, message: 'too late', status: 'INTERNAL' } },
  },
};
const DIALECT_NAMES = Object.keys(DIALECTS);

/** How the error is sent. */
const ERRORS: Record<string, (error: object) => string> = {
  event: data,
  bare: (error) => json(error),
  printed: (error) => JSON.stringify(error, null, 2),
  unended: (error) => `data: ${json(error)}`,
};
/** Data after a finish that breaks nothing. */
const REMAINS: Record<string, string> = {
  half: 'data: {"usage":{"prom',
  comment: ': bye',
  heartbeat: 'data:\n\n',
};

const CLIENTS: Record<string, { path: (model: string) => string; body: (model: string) => object; whole: RegExp }> = {
  chat: {
    path: () => '/v1/chat/completions',
    body: (model) => ({ model, stream: true, messages: [{ role: 'user', content: 'hi' }] }),
    whole: /\[DONE\]/,
  },
  responses: {
    path: () => '/v1/responses',
    body: (model) => ({ model, stream: true, store: false, input: 'hi' }),
    whole: /response\.completed/,
  },
  messages: {
    path: () => '/v1/messages',
    body: (model) => ({ model, stream: true, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }),
    whole: /message_stop/,
  },
  gemini: {
    path: (model) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
    body: () => ({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }),
    whole: /STOP/,
  },
};
const CLIENT_NAMES = Object.keys(CLIENTS);

/** Model `<dialect>-<what follows the finish>`. */
function scriptOf(model: string): string {
  const [dialect, behind] = model.split('-') as [string, string];
  const { finished, terminal, error } = DIALECTS[dialect]!;
  if (behind in ERRORS) return finished + ERRORS[behind]!(error);
  if (behind === 'late') return finished + terminal + data(error) + json(error);
  return finished + REMAINS[behind] + (behind === 'heartbeat' ? (terminal ?? '') : '');
}

let vendor: Server;
let broker: TestBroker;

beforeAll(async () => {
  vendor = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const piece of request) chunks.push(piece as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { model?: string };
    const model = body.model ?? /models\/([^:]+):/.exec(request.url!)![1]!;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(scriptOf(model));
  });
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
  const providers = Object.fromEntries(
    DIALECT_NAMES.map((name) => {
      const { protocol, baseUrl } = DIALECTS[name]!;
      return [
        name,
        { protocols: [protocol], base_url: baseUrl(origin), api_key: PROVIDER_KEY, retries: { ...RETRIES, max: 0 } },
      ];
    }),
  );
  const models = Object.fromEntries(
    DIALECT_NAMES.flatMap((provider) =>
      [...Object.keys(ERRORS), ...Object.keys(REMAINS), 'late'].map((behind) => {
        const model = `${provider}-${behind}`;
        return [model, { deployments: [{ id: model, provider, model, price: PRICE }] }];
      }),
    ),
  );
  broker = await startBroker({ configuration: { providers, models } as never });
});
afterAll(async () => {
  await broker?.stop();
  vendor?.closeAllConnections();
  vendor?.close();
});

function play(client: string, model: string): Promise<Answer> {
  const { path, body } = CLIENTS[client]!;
  return ask(broker.url, { path: path(model), body: body(model) });
}

async function outcomeOf(answer: Answer): Promise<unknown> {
  const rows = await closedRows(broker, answer.headers['x-request-id']!);
  return rows.at(-1)?.outcome;
}

const PLAYERS = DIALECT_NAMES.flatMap((dialect) => CLIENT_NAMES.map((client) => [client, dialect] as const));

describe.each(PLAYERS)('a client of %s, a provider of %s', (client, dialect) => {
  const { whole } = CLIENTS[client]!;

  test.each(Object.keys(ERRORS))('an error after the finish reason reaches the client: %s', async (form) => {
    const answer = await play(client, `${dialect}-${form}`);
    expect(answer.text).toMatch(/"error"|event: error/);
    expect(answer.text).not.toMatch(whole);
    expect(await outcomeOf(answer)).toBe('upstream_server_error');
  });

  // Gemini has no final event, and older models send STOP in every chunk: half a stream may be half of the answer.
  const remains = Object.keys(REMAINS).filter((form) => form !== 'half' || dialect !== 'gemini');

  test.each(remains)('nothing else after it breaks the answer: %s', async (form) => {
    const isCut = dialect === 'messages' && form !== 'heartbeat';
    const answer = await play(client, `${dialect}-${form}`);
    // A Messages stream without `message_stop` is incomplete for a Messages client, which waits for it.
    if (isCut && client === 'messages') return expect(answer.text).toContain('event: error');
    expect(answer.text).toMatch(whole);
    expect(answer.text).toContain('hello');
    expect(answer.text).not.toMatch(/"error":\{|event: error/);
    expect(await outcomeOf(answer)).toBe('ok');
  });

  if (DIALECTS[dialect]!.terminal === null) return;
  test('nothing after the last event counts', async () => {
    const answer = await play(client, `${dialect}-late`);
    expect(answer.text).toMatch(whole);
    expect(answer.text).not.toContain('too late');
    expect(await outcomeOf(answer)).toBe('ok');
  });
});

test('in the end every request is closed in the ledger', async () => {
  await booksClosed(broker);
});
