// A streamed request waits for so long that a proxy would close its connection. Comment lines keep it open; the status has been
// sent by then, so a failure can only be an event.
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = { ...providerConfiguration(vendors), server: { keep_alive_ms: 200 } };
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  broker = await startBroker({ configuration });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const commentsIn = (text: string) => text.match(/^:.*\n\n/gm)?.length ?? 0;

test('what the client received in the wait queue: comments, and then the complete answer', async () => {
  const place = await holdPermit(broker, 'primary/full');
  const answer = openAnswer(broker.url, { model: 'full', stream: true, prompt: 'I wait for my turn.' });
  await waitFor('two comments', () => commentsIn(answer.text) >= 2);
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toContain('text/event-stream');
  await place.release();
  expect(readChatStream((await answer.ended).text)).toMatchObject({ tokens: 12, isDone: true, error: null });
});

test('what the client received during a call that fails: comments, and then an error event', async () => {
  const { text, status, ending } = await ask(broker.url, {
    stream: true,
    prompt: '[[sim first=60000]] I wait in vain.',
    headers: { 'x-sluice-deadline-ms': '2500' },
  });
  expect({ status, ending }).toEqual({ status: 200, ending: 'whole' });
  expect(commentsIn(text)).toBeGreaterThanOrEqual(1);
  expect(readChatStream(text)).toMatchObject({ tokens: 0, isDone: false, error: { code: 'deadline_exceeded' } });
});

test('what an SDK makes of it: it ignores the comments and raises for the event', async () => {
  const client = new OpenAI({ baseURL: `${broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });
  const create = async (content: string, deadlineMs: number) => {
    const options = { headers: { 'x-sluice-deadline-ms': String(deadlineMs) } };
    const messages = [{ role: 'user' as const, content }];
    const stream = await client.chat.completions.create({ model: 'solo', stream: true, messages }, options);
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    return text;
  };
  expect(Buffer.byteLength(await create('[[sim first=1500]] I wait a little.', 20_000))).toBe(4 * 12);
  await expect(create('[[sim first=60000]] I wait in vain again.', 2_500)).rejects.toThrow(OpenAI.APIError);
});

test('what was billed: the answers', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.filter(({ outcome }) => outcome === 'ok').length).toBe(2);
  expectLedgerEqualsBill(rows, vendors);
});

test('what happens to the next request: it is answered without a comment', async () => {
  const next = await ask(broker.url, { stream: true, prompt: 'And then?' });
  expect(commentsIn(next.text)).toBe(0);
  expect(readChatStream(next.text)).toMatchObject({ tokens: 12, isDone: true });
});
