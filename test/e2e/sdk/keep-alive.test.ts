// Official SDKs ignore the keep-alives of a waiting stream, before its first event and between events. Those for Python run if
// there is an interpreter with them (SLUICE_TEST_PYTHON names one):
// uv pip install openai==3.3.1 anthropic==2.14.0 google-genai==3.6.1
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { PROVIDER_MODELS, useProviders } from '#test/support/sdk/providers.ts';
import type { Reply } from '#test/support/sdk/sdk-client.ts';
import { ALL_SDKS } from '#test/support/sdk/sdks.ts';

const vendors = useProviders({ server: { deadline_ms: 60_000, keep_alive_ms: 200 } });
/** The relay checks its streams once a second: both waits are longer than that. */
const PROMPT = '[[sim first=1500 pace=1500 reasoning=0]] Reply with exactly: one two';
const TEXT = 'one two';

/** One provider of each protocol, so that every SDK is tested with its own protocol and with three others. */
const MODELS = PROVIDER_MODELS.filter(
  ({ vendor }, index) => PROVIDER_MODELS.findIndex((other) => other.vendor === vendor) === index,
);
const CASES = ALL_SDKS.flatMap((sdk) => MODELS.map(({ model }) => ({ name: sdk.name, sdk, model })));

const RAW = [
  ['chat', '/v1/chat/completions', { stream: true, messages: [{ role: 'user', content: PROMPT }] }],
  ['responses', '/v1/responses', { stream: true, store: false, input: PROMPT }],
  ['messages', '/v1/messages', { stream: true, max_tokens: 50, messages: [{ role: 'user', content: PROMPT }] }],
  ['gemini', '/v1beta/models/MODEL:streamGenerateContent?alt=sse', { contents: [{ parts: [{ text: PROMPT }] }] }],
  ['gemini array', '/v1beta/models/MODEL:streamGenerateContent', { contents: [{ parts: [{ text: PROMPT }] }] }],
] as const;

/** Bytes as a client of the protocol gets them. */
async function bytesOf(path: string, body: object, model: string): Promise<string> {
  const answer = await fetch(vendors.broker.url + path.replace('MODEL', model), {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, model }),
  });
  return answer.text();
}

/** All of them wait at the same time. */
let replies: Map<unknown, Reply | Error>;
let raw: Map<string, string>;
beforeAll(async () => {
  const asking = mapConcurrently(CASES, CASES.length, async (the) => {
    const reply = vendors.connect(the.sdk).stream({ model: the.model, prompt: PROMPT });
    return [the, await reply.catch((error: Error) => error)] as const;
  });
  const reading = mapConcurrently(RAW, RAW.length, async ([name, path, body]) => {
    return [name, await bytesOf(path, body, MODELS[0]!.model)] as const;
  });
  [replies, raw] = [new Map(await asking), new Map(await reading)];
}, 60_000);

test.each(CASES)('$name, $model', (the) => {
  expect(replies.get(the)).toMatchObject({ text: TEXT });
});

describe('on the wire, before the first event and between events', () => {
  test.each([
    ['chat', /^: keep-alive\n\n/, /\n\n(: keep-alive\n)+id: /],
    ['responses', /^: keep-alive\n\n/, /\n\n(: keep-alive\n)+id: /],
    ['messages', /^: keep-alive\n\n/, /\n\n(event: ping\ndata: \{"type": "ping"\}\n\n)+id: /],
    ['gemini', /^(\n\n)+data: /, /\}\n\n(\n\n)+data: /],
    ['gemini array', /^\n+\[/, /\}\n+,\r\n\{/],
  ])('%s', (name, before, between) => {
    expect(raw.get(name)).toMatch(before);
    expect(raw.get(name)).toMatch(between);
  });

  test('every line of a Gemini stream is empty or data', () => {
    const odd = raw
      .get('gemini')!
      .split(/\r?\n/)
      .filter((line) => line !== '' && !line.startsWith('data: '));
    expect(odd).toEqual([]);
  });
});

const SCRIPT = fileURLToPath(new URL('../../support/sdk/python_streams.py', import.meta.url));
const PYTHON = [process.env.SLUICE_TEST_PYTHON, '/tmp/sluice-python/bin/python', 'python3']
  .filter((path) => path !== undefined)
  .find((path) => spawnSync(path, ['-c', 'import openai, anthropic, google.genai']).status === 0);

test.skipIf(PYTHON === undefined)(
  'Python’s SDK',
  async () => {
    const models = MODELS.map(({ model }) => model);
    const { stdout } = await promisify(execFile)(PYTHON!, [SCRIPT, vendors.broker.url, TEST_KEY, PROMPT, ...models]);
    expect(JSON.parse(stdout)).toEqual({ chat: TEXT, responses: TEXT, anthropic_messages: TEXT, google: TEXT });
  },
  180_000,
);
