// The curl examples of other brokers' documentation, run by a shell as they are printed.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { IMAGE_BASE64, PDF_BASE64 } from '#test/fixtures/protocols/fixtures.ts';
import { TEST_KEY } from '#test/support/broker.ts';
import {
  expectChunks,
  expectCompletion,
  expectCostInLastChunk,
  expectResponse,
  expectResponseEvents,
  readEvents,
} from '#test/support/seed-expectations.ts';
import { SEED_PROVIDERS, useSeedProviders } from '#test/support/seed-providers.ts';
import { CURL_EXAMPLES } from './examples.ts';

const vendors = useSeedProviders();
const run = promisify(execFile);
/** `--json` came with 7.82. */
const hasCurl = await run('curl', ['--json', '{}', '--version']).then(
  () => true,
  () => false,
);
const KEYS = { YOUROUTER_API_KEY: TEST_KEY, OMNIROUTERS_API_KEY: TEST_KEY };

async function shell(command: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', vendors.localise(command)], { env: { ...process.env, ...KEYS } });
  return stdout;
}

afterEach(() => vendors.answerBy('openai'));

describe.skipIf(!hasCurl).each(SEED_PROVIDERS)('answered by %s', (provider) => {
  test.each(CURL_EXAMPLES.chat)('$name', async ({ command, says }) => {
    vendors.answerBy(provider);
    const answer = JSON.parse(await shell(command)) as { choices: { message: { content: string } }[] };
    expectCompletion(answer, provider);
    if (says !== undefined) expect(answer.choices[0]!.message.content).toBe(says);
  });

  test.each(CURL_EXAMPLES.chatStreams)('$name', async ({ command, hasCost }) => {
    vendors.answerBy(provider);
    const text = await shell(command);
    const events = readEvents(text);
    expect(expectChunks(events)).not.toBe('');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    if (hasCost) expectCostInLastChunk(events);
  });

  test('ImageRouter: Responses', async () => {
    vendors.answerBy(provider);
    expectResponse(JSON.parse(await shell(CURL_EXAMPLES.responses)));
  });

  test('ImageRouter: Responses, streamed', async () => {
    vendors.answerBy(provider);
    expect(expectResponseEvents(readEvents(await shell(CURL_EXAMPLES.responsesStream)))).not.toBe('');
  });

  test('YouRouter: a private image as a data URL', async () => {
    vendors.answerBy(provider);
    const command = CURL_EXAMPLES.image.replace(
      'https://example.com/image.jpg',
      `data:image/jpeg;base64,${IMAGE_BASE64}`,
    );
    expectCompletion(JSON.parse(await shell(command)), provider);
    expect(vendors.simulators[provider].requests().at(-1)!.body).toContain(IMAGE_BASE64);
  });

  test('YouRouter: a PDF in file_data, plain base64', async () => {
    vendors.answerBy(provider);
    expectCompletion(JSON.parse(await shell(CURL_EXAMPLES.pdf.replace('<BASE64_PDF>', PDF_BASE64))), provider);
    expect(vendors.simulators[provider].requests().at(-1)!.body).toContain(PDF_BASE64);
  });
});

describe.skipIf(!hasCurl)('YouRouter: a pinned provider', () => {
  test('answers, as printed', async () => {
    expectCompletion(JSON.parse(await shell(CURL_EXAMPLES.pinned)), 'openai');
  });

  test.each(SEED_PROVIDERS)('is the only one called: %s', async (provider) => {
    const calls = () => SEED_PROVIDERS.map((name) => vendors.simulators[name].stats().calls);
    const before = calls();
    expectCompletion(
      JSON.parse(await shell(CURL_EXAMPLES.pinned.replace('vendor: openai', `vendor: ${provider}`))),
      '',
    );
    const asked = calls().map((count, index) => count - before[index]!);
    expect(asked).toEqual(SEED_PROVIDERS.map((name) => (name === provider ? 1 : 0)));
  });

  test('has no substitute when it is down', async () => {
    vendors.answerBy('anthropic');
    expect(JSON.parse(await shell(CURL_EXAMPLES.pinned))).toMatchObject({ error: { message: expect.any(String) } });
  });

  test('auto pins no provider', async () => {
    vendors.answerBy('google');
    expectCompletion(JSON.parse(await shell(CURL_EXAMPLES.pinned.replace('vendor: openai', 'vendor: auto'))), '');
  });
});
