// Anthropic's Files API in addition to OpenAI's, for the same files; and the paths that other clients use.
import Anthropic, { toFile } from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic0';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { useProviders } from '#test/support/sdk/providers.ts';

const vendors = useProviders();
const base = () => vendors.broker.url;
const openai = (path = '/v1') => new OpenAI({ baseURL: base() + path, apiKey: TEST_KEY, maxRetries: 0 });
const anthropic = (Client: typeof Anthropic = Anthropic, apiKey = TEST_KEY) =>
  new Client({ baseURL: base(), apiKey, maxRetries: 0 });

describe.each([
  { name: '@anthropic-ai/sdk 1', Client: Anthropic },
  { name: '@anthropic-ai/sdk 0', Client: Anthropic0 as unknown as typeof Anthropic },
])('$name', ({ Client }) => {
  test('uploads, finds, downloads and deletes a file, which OpenAI’s client can use too', async () => {
    const { files } = anthropic(Client).beta;
    const file = await files.upload({ file: await toFile(Buffer.from('Paris is a city.'), 'notes.txt') });
    expect(file).toMatchObject({ type: 'file', filename: 'notes.txt', mime_type: 'text/plain', size_bytes: 16 });
    expect(Date.parse(file.created_at)).toBeGreaterThan(Date.now() - 60_000);
    expect(await files.retrieveMetadata(file.id)).toEqual(file);
    expect(await (await files.download(file.id)).text()).toBe('Paris is a city.');
    expect(await openai().files.retrieve(file.id)).toMatchObject({ object: 'file', purpose: 'user_data', bytes: 16 });
    expect(await files.delete(file.id)).toEqual({ id: file.id, type: 'file_deleted' });
    const gone = { status: 404, error: { type: 'error', error: { type: 'not_found_error' } } };
    await expect(files.retrieveMetadata(file.id)).rejects.toMatchObject(gone);
  });

  test('lists all files in pages, newest first', async () => {
    const { secret } = await vendors.broker.createKey(`lists ${Client.name}`);
    const { files } = anthropic(Client, secret).beta;
    const made: string[] = [];
    for (const name of ['a.txt', 'b.pdf', 'c.bin']) {
      made.unshift((await files.upload({ file: await toFile(Buffer.from(name), name) })).id);
    }
    const found: string[] = [];
    for await (const { id } of files.list({ limit: 2 })) found.push(id);
    expect(found).toEqual(made);
  });
});

test.each(['claude-sonnet-4-5', 'gpt-4o', 'gpt-5', 'gemini-2.5-flash'])(
  'a message to %s has a file’s text',
  async (model) => {
    const client = anthropic();
    const file = await client.beta.files.upload({
      file: await toFile(Buffer.from('The word is xylophone.'), 'word.txt'),
    });
    await client.beta.messages.create({
      model,
      max_tokens: 50,
      betas: ['files-api-2025-04-14'],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'document', source: { type: 'file', file_id: file.id } },
            { type: 'text', text: 'Which word?' },
          ],
        },
      ],
    });
    const sent = Object.values(vendors.simulators).map((simulator) => simulator.requests().at(-1)?.body ?? '');
    expect(
      sent.some(
        (body) => body.includes('xylophone') || body.includes(Buffer.from('The word is xylophone.').toString('base64')),
      ),
    ).toBe(true);
  },
);

test('an invalid upload gets an error in Anthropic’s format', async () => {
  const headers = { 'x-api-key': TEST_KEY, 'anthropic-version': '2023-06-01' };
  const form = new FormData();
  form.append('expires_in_seconds', '5');
  form.append('file', new Blob(['x']), 'x.txt');
  const answer = await fetch(`${base()}/v1/files`, { method: 'POST', headers, body: form });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
  const noKey = await fetch(`${base()}/v1/files`, { headers: { 'anthropic-version': '2023-06-01' } });
  expect([noKey.status, await noKey.json()]).toMatchObject([
    401,
    { type: 'error', error: { type: 'authentication_error' } },
  ]);
});

test('Groq’s paths work like OpenAI’s', async () => {
  const client = openai('/openai/v1');
  const messages = [{ role: 'user' as const, content: 'Reply with exactly: yes' }];
  const { choices } = await client.chat.completions.create({ model: 'gpt-4o', messages });
  expect(choices[0]!.message.content).toBe('yes');
  expect((await client.responses.create({ model: 'gpt-5', input: 'Reply with exactly: yes' })).output_text).toBe('yes');
  expect((await client.models.list()).data.length).toBeGreaterThan(0);
});

test('stored chat completions are reported as not supported', async () => {
  const { completions } = openai().chat;
  const none = { status: 404, message: expect.stringContaining('not stored here') };
  await expect(completions.list()).rejects.toMatchObject(none);
  await expect(completions.retrieve('chatcmpl-1')).rejects.toMatchObject(none);
  await expect(completions.messages.list('chatcmpl-1')).rejects.toMatchObject(none);
  await expect(completions.update('chatcmpl-1', { metadata: {} })).rejects.toMatchObject(none);
  await expect(completions.delete('chatcmpl-1')).rejects.toMatchObject(none);
});

test('/health answers without a key', async () => {
  const answer = await fetch(`${base()}/health`);
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
});

test.each(['/v1beta/models/gemini-2.5-flash', '/v1beta/gemini-2.5-flash'])('Gemini under %s', async (path) => {
  const answer = await fetch(`${base()}${path}:generateContent`, {
    method: 'POST',
    headers: { 'x-goog-api-key': TEST_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }),
  });
  expect(answer.status).toBe(200);
});
