// Interrupted downloads are resumed: ranges of files, also across the pieces that two processes wrote of one result file.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sdk, upload } from '#test/support/batches.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

let vendors: Providers;
let broker: TestBroker;
let fileId: string;
const TEXT = Array.from({ length: 100 }, (_, number) => `line ${number}\n`).join('');

beforeAll(async () => {
  vendors = await startProviders();
  broker = await startBroker({ configuration: providerConfiguration(vendors), workers: 0 });
  fileId = await upload(sdk(broker), TEXT);
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const fetchContent = (headers: Record<string, string>) =>
  fetch(`${broker.url}/v1/files/${fileId}/content`, { headers: { authorization: `Bearer ${TEST_KEY}`, ...headers } });

test('the response with the whole file announces ranges', async () => {
  const answer = await fetchContent({});
  expect(answer.status).toBe(200);
  expect(answer.headers.get('accept-ranges')).toBe('bytes');
  expect(answer.headers.get('content-length')).toBe(String(TEXT.length));
  expect(await answer.text()).toBe(TEXT);
});

test('a range is exactly that part', async () => {
  const first = await fetchContent({ range: 'bytes=0-299' });
  expect([first.status, first.headers.get('content-range')]).toEqual([206, `bytes 0-299/${TEXT.length}`]);
  const rest = await fetchContent({ range: 'bytes=300-', 'if-range': first.headers.get('etag')! });
  expect([rest.status, rest.headers.get('content-length')]).toEqual([206, String(TEXT.length - 300)]);
  expect((await first.text()) + (await rest.text())).toBe(TEXT);
});

test('a range beyond the end is refused, with the length', async () => {
  const answer = await fetchContent({ range: `bytes=${TEXT.length}-` });
  expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${TEXT.length}`]);
  expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error', code: null } });
});

test('parts written by several owners are one file', async () => {
  // The state that a batch leaves if its process died in between: the tail of the first piece is not part of the file.
  const { directory, database } = broker;
  for (const [key, text] of [
    ['one', 'abcdefgh-torn'],
    ['two', 'ijklmnop'],
  ] as const) {
    writeFileSync(`${directory}/files/${key}`, text);
  }
  const pieces = [
    { key: 'one', bytes: 8 },
    { key: 'two', bytes: 8 },
  ];
  const change = { pieces: JSON.stringify(pieces), bytes: 16 };
  await database.updateTable('files').set(change).where('id', '=', fileId).execute();
  expect(await (await fetchContent({ range: 'bytes=6-9' })).text()).toBe('ghij');
  expect(await (await fetchContent({ range: 'bytes=-2' })).text()).toBe('op');
  expect(await (await fetchContent({})).text()).toBe('abcdefghijklmnop');
});
