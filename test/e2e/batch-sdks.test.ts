// A batch with official SDKs that the other tests do not use: Node's previous generation, and Python's. Python is skipped if
// there is none with the package `openai` (SLUICE_TEST_PYTHON names one; /tmp/sluice-python is tried).
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI6, { toFile } from 'openai6';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLines } from '#test/support/batches.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 50;
const IDS = Array.from({ length: LINES }, (_, number) => `line-${number}`).sort();
const SCRIPT = fileURLToPath(new URL('../support/openai_batch.py', import.meta.url));
const PYTHON = [process.env.SLUICE_TEST_PYTHON, '/tmp/sluice-python/bin/python', 'python3']
  .filter((path) => path !== undefined)
  .find((path) => spawnSync(path, ['-c', 'import openai']).status === 0);

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), together: true });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('the previous major version of Node’s SDK', async () => {
  const client = new OpenAI6({ baseURL: `${broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });
  const file = await client.files.create({
    file: await toFile(Buffer.from(chatLines(LINES)), 'a.jsonl'),
    purpose: 'batch',
  });
  const { id } = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const done = await waitFor('its end', async () => {
    const batch = await client.batches.retrieve(id);
    return batch.status === 'completed' ? batch : null;
  });
  const text = await (await client.files.content(done.output_file_id!)).text();
  const ids = text.match(/"custom_id":"line-\d+"/g)!.map((match) => match.slice(13, -1));
  expect(ids.sort()).toEqual(IDS);
});

test.skipIf(PYTHON === undefined)('Python’s SDK', async () => {
  const { secret } = await broker.createKey('python');
  const run = promisify(execFile);
  const { stdout } = await run(PYTHON!, [SCRIPT, `${broker.url}/v1`, secret, String(LINES)]);
  expect(JSON.parse(stdout)).toEqual({
    version: expect.any(String),
    created: 'validating',
    status: 'completed',
    counts: { total: LINES, completed: LINES, failed: 0 },
    metadata: { from: 'python' },
    file_life: 7_200,
    output_life: 3_600,
    ids: IDS,
    input_is_whole: true,
    listed_batches: true,
    listed_files: true,
    refusal: 409,
    deleted: true,
  });
});
