// `sluice batch` with Sluice: plain prompts as input, answers in their order, and a retry of failed lines.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { startSluice } from '#test/support/sluice-command.ts';
import { waitFor } from '#test/support/wait.ts';
import { startWebhookReceiver, type WebhookReceiver } from '#test/support/webhook-receiver.ts';

let vendors: Providers;
let broker: TestBroker;
let receiver: WebhookReceiver;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-command-'));
  [vendors, receiver] = await Promise.all([startProviders(), startWebhookReceiver()]);
  const endpoint = { url: receiver.url, secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}` };
  broker = await startBroker({
    together: true,
    configuration: {
      ...providerConfiguration(vendors),
      webhooks: { endpoints: [endpoint], allowed_networks: ['127.0.0.0/8'] },
    },
  });
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([vendors.close(), receiver.close()]);
  rmSync(directory, { recursive: true, force: true });
});

const batch = (...args: string[]) =>
  startSluice(['batch', ...args], directory, { SLUICE_BASE_URL: `${broker.url}/v1`, SLUICE_API_KEY: TEST_KEY }).ended;

test('prompts become answers in order, failed lines run again, and receivers hear of both batches', async () => {
  const prompts = Array.from({ length: 40 }, (_, number) => (number === 7 ? '[[sim fault=400]] no' : `Say ${number}.`));
  writeFileSync(join(directory, 'prompts.txt'), `${prompts.join('\n')}\n`);
  const run = await batch('submit', '--prompts', 'prompts.txt', '--model', 'solo', '--watch', '--window', '1h');
  const batchId = run.stdout.trim();
  expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('39 of 40 lines succeeded, 1 failed')]);
  expect(run.stderr).toMatch(/[\d,]+ tokens, \$\d/);

  const downloaded = await batch('download', batchId, '--join', '--output', 'joined.jsonl', '--json');
  expect(JSON.parse(downloaded.stdout)).toEqual({
    id: batchId,
    status: 'completed',
    output: 'joined.jsonl',
    errors: null,
  });
  const rows = readFileSync(join(directory, 'joined.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(
      (line) => JSON.parse(line) as { request: { messages: { content: string }[] }; response: { status_code: number } },
    );
  expect(rows.map(({ request }) => request.messages[0]!.content)).toEqual(prompts);
  expect(rows.map(({ response }) => response.status_code)).toEqual(prompts.map((_, at) => (at === 7 ? 400 : 200)));

  const again = await batch('retry-failed', batchId, '--watch');
  expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('0 of 1 lines succeeded, 1 failed')]);
  const ids = [batchId, again.stdout.trim()];
  const events = () => receiver.received.map(({ body }) => JSON.parse(body) as { type: string; data: { id: string } });
  await waitFor('both events', () => events().length === 2);
  expect(events().map(({ type, data }) => [type, data.id])).toEqual(ids.map((id) => ['batch.completed', id]));
});

test('errors that the server finds in an input are shown with their line', async () => {
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model: 'none', messages: [] } };
  writeFileSync(join(directory, 'input.jsonl'), `${JSON.stringify(line)}\n`);
  const run = await batch('submit', 'input.jsonl', '--watch');
  expect([run.code, run.stderr]).toEqual([3, expect.stringMatching(/failed[\s\S]*line 1: .*none/)]);
});
