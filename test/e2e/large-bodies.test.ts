// Bodies of megabytes (images, documents) in every protocol: what the provider gets, what is refused, what survives a SIGKILL.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { waitFor } from '#test/support/wait.ts';

const MIB = 1024 * 1024;
const LIMIT = 6 * MIB;
const TAKEOVER_MS = 20_000;
const DATA = 'iVBORw0KGgo/+='.repeat((5 * MIB) / 14);
const TEXT = 'Zeile “eins”\n\tand "two"\\ – 漢 😀\n'.repeat((3 * MIB) / 45);

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const message = { role: 'assistant', content: 'Yes.' };
const output = [
  {
    type: 'message',
    id: 'msg_1',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'Yes.' }],
  },
];

interface Spoken {
  path: string;
  body: (model: string) => object;
  /** The body with a long text instead of media. */
  spoken: (model: string) => object;
  answer: object;
  errorType: (error: Record<string, unknown>) => unknown;
}

const PROTOCOLS: Record<string, Spoken> = {
  'openai-chat': {
    path: '/v1/chat/completions',
    body: (model) => ({
      model,
      seed: 1,
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${DATA}` } }] },
      ],
    }),
    spoken: (model) => ({ model, messages: [{ role: 'user', content: TEXT }] }),
    answer: {
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage,
    },
    errorType: (error) => (error.error as { type: string }).type,
  },
  'openai-responses': {
    path: '/v1/responses',
    body: (model) => ({
      model,
      store: false,
      input: [
        {
          role: 'user',
          content: [{ type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${DATA}` }],
        },
      ],
    }),
    spoken: (model) => ({ model, store: false, input: TEXT }),
    answer: {
      id: 'r',
      object: 'response',
      status: 'completed',
      model: 'm',
      output,
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    },
    errorType: (error) => (error.error as { type: string }).type,
  },
  'anthropic-messages': {
    path: '/v1/messages',
    body: (model) => ({
      model,
      max_tokens: 10,
      messages: [
        { role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: DATA } }] },
      ],
    }),
    spoken: (model) => ({ model, max_tokens: 10, messages: [{ role: 'user', content: TEXT }] }),
    answer: {
      id: 'm',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [{ type: 'text', text: 'Yes.' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    },
    errorType: (error) => error.type,
  },
  'gemini-generate-content': {
    path: '/v1beta/models/MODEL:generateContent',
    body: () => ({ contents: [{ role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: DATA } }] }] }),
    spoken: () => ({ contents: [{ role: 'user', parts: [{ text: TEXT }] }] }),
    answer: {
      candidates: [{ content: { role: 'model', parts: [{ text: 'Yes.' }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    },
    errorType: (error) => (error.error as { status: string }).status,
  },
};
const NAMES = Object.keys(PROTOCOLS);

let provider: Server;
/** Bodies that the provider has received, in order. */
let received: Buffer[] = [];
/** While set, the provider reads but does not answer. */
let isSilent = false;
let brokers: Record<string, TestBroker>;

beforeAll(async () => {
  provider = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    received.push(Buffer.concat(pieces));
    if (isSilent) return;
    const name = NAMES.find((one) => request.url!.startsWith(`/${one}`))!;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(PROTOCOLS[name]!.answer));
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const version = (name: string) => (name.startsWith('openai') ? '/v1' : '');
  const configuration = {
    server: { body_limit_bytes: LIMIT },
    providers: Object.fromEntries(
      NAMES.map((name) => [name, { protocols: [name as 'openai-chat'], base_url: `${base}/${name}${version(name)}` }]),
    ),
    models: Object.fromEntries(
      NAMES.flatMap((name) => [
        [name, { deployments: [{ provider: name, model: name }] }],
        [`${name}-renamed`, { deployments: [{ provider: name, model: 'another' }] }],
      ]),
    ),
  };
  const [combined, tiers] = await Promise.all([
    startBroker({ configuration, combined: 1 }),
    startBroker({ configuration, apis: 1, workers: 1 }),
  ]);
  brokers = { 'in one process': combined, 'in separate tiers': tiers };
}, 60_000);
afterAll(async () => {
  await Promise.all(Object.values(brokers ?? {}).map((broker) => broker.stop()));
  provider?.closeAllConnections();
  provider?.close();
});

async function send(broker: TestBroker, path: string, body: string, headers: Record<string, string> = {}) {
  received = [];
  return ask(broker.url, { path, body, headers });
}

async function bodiesIn(broker: TestBroker): Promise<string[]> {
  return (await broker.redis.client.keys('*:body:*')).sort();
}

describe.each(['in one process', 'in separate tiers'])('%s', (layout) => {
  test.each(NAMES)('%s: the provider gets every byte', async (name) => {
    const { path, body, spoken } = PROTOCOLS[name]!;
    for (const model of [name, `${name}-renamed`]) {
      for (const make of [body, spoken]) {
        const json = JSON.stringify(make(model), null, 1);
        const answer = await send(brokers[layout]!, path.replace('MODEL', model), json);
        expect(answer, answer.text.slice(0, 500)).toMatchObject({ status: 200, ending: 'whole' });
        const expected = JSON.stringify(make(model === name ? name : 'another'), null, 1);
        expect(received.map((bytes) => bytes.equals(Buffer.from(expected)))).toEqual([true]);
      }
    }
  });

  test.each(NAMES)('%s: a body that is too large or broken is refused in its protocol’s format', async (name) => {
    const { path, body, errorType } = PROTOCOLS[name]!;
    const url = path.replace('MODEL', name);
    const json = JSON.stringify(body(name));
    const broken = await send(brokers[layout]!, url, json.replace(DATA, `${DATA}\n${DATA.slice(0, 100)}`));
    expect(broken.status).toBe(400);
    expect(errorType(JSON.parse(broken.text))).toBeTypeOf('string');
    expect(broken.text).toMatch(/could not parse the JSON body.*control character/i);
    const tooLarge = await send(brokers[layout]!, url, json.replace(DATA, DATA + DATA));
    // A client that is still writing may lose the answer with its connection.
    if (tooLarge.status !== null) {
      expect(tooLarge.status).toBe(413);
      expect(errorType(JSON.parse(tooLarge.text))).toBeTypeOf('string');
    }
    expect(received).toEqual([]);
  });

  test('Redis keeps none of the bodies', async () => {
    await waitFor('the bodies to be gone', async () => (await bodiesIn(brokers[layout]!)).length === 0);
  });

  test('when the process that has the body is killed, another sends the same bytes', { timeout: 60_000 }, async () => {
    const broker = brokers[layout]!;
    const { path, body } = PROTOCOLS['openai-chat']!;
    const json = JSON.stringify(body('openai-chat'));
    const headers = { 'idempotency-key': `killed ${layout}` };
    received = [];
    isSilent = true;
    const first = openAnswer(broker.url, { path, body: json, headers });
    await waitFor('the provider to have it', () => received.length === 1);
    expect(await bodiesIn(broker)).toHaveLength(1);
    isSilent = false;
    if (layout === 'in one process') {
      const other = await broker.startCombined();
      await broker.apis[0]!.kill();
      expect((await first.ended).ending).toBe('broken');
      broker.url = String(other.details.url);
    } else {
      const [doomed] = broker.workers;
      await broker.startWorker();
      await doomed!.kill();
    }
    const answer = await ask(broker.url, { path, body: json, headers });
    expect(answer).toMatchObject({ status: 200, ending: 'whole' });
    expect(received.map((bytes) => bytes.equals(Buffer.from(json)))).toEqual([true, true]);
    expect(answer.durationMs).toBeLessThan(TAKEOVER_MS);
    await waitFor('the body to be gone', async () => (await bodiesIn(broker)).length === 0);
  });
});
