// The errors that clients get if their account is refused: every reason, at every level, in every protocol. Statuses and types
// are those of docs/reference; `retry-after` is present only if waiting helps.
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adminCreate } from '#test/support/admin.ts';
import { chatLines, ended, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, type OpenAnswer, openAnswer } from '#test/support/client.ts';
import { deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';
import { SPOKEN, SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';
import { waitFor } from '#test/support/wait.ts';
import { openSocket, refusedUpgrade } from '#test/support/web-socket.ts';

const LEVELS = ['key', 'project', 'organisation'] as const;
type Level = (typeof LEVELS)[number];

const DEADLINE = { 'x-sluice-deadline-ms': '1500' };

interface Reason {
  settings: () => object;
  /** Uses up what there is, with the key; what is returned is ended after the test. */
  use?: (key: string) => Promise<OpenAnswer | null>;
  status: number;
  openai: { type: string; code: string };
  anthropic: string;
  google: string;
  /** Waiting helps. */
  isCuredByTime?: true;
}

const LIMITED = {
  status: 429,
  openai: { type: 'requests', code: 'rate_limit_exceeded' },
  anthropic: 'rate_limit_error',
  google: 'RESOURCE_EXHAUSTED',
  isCuredByTime: true,
} as const;
const SPENT = {
  status: 402,
  openai: { type: 'insufficient_quota', code: 'insufficient_quota' },
  anthropic: 'billing_error',
  google: 'FAILED_PRECONDITION',
} as const;

const useOne = async (key: string) => {
  expect(await ask(broker.url, { model: 'solo', key, prompt: 'Uses the limit.' })).toMatchObject({ status: 200 });
  return null;
};

const REASONS: Record<string, Reason> = {
  'its budget is spent': { settings: () => ({ budgets: { total: 0.0000001 } }), ...SPENT },
  'its budget of the day is spent': { settings: () => ({ budgets: { day: 0.0000001 } }), ...SPENT },
  'its credits are spent': { settings: () => ({ credits: {} }), ...SPENT },
  'it may not use the model': {
    settings: () => ({ models: ['another'] }),
    status: 403,
    openai: { type: 'invalid_request_error', code: 'model_not_allowed' },
    anthropic: 'permission_error',
    google: 'PERMISSION_DENIED',
  },
  'it has expired': {
    settings: () => ({ expires_at: new Date(Date.now() - 1_000).toISOString() }),
    status: 401,
    openai: { type: 'invalid_request_error', code: 'invalid_api_key' },
    anthropic: 'authentication_error',
    google: 'UNAUTHENTICATED',
  },
  'its requests per minute are used': { settings: () => ({ limits: { rpm: 1 } }), use: useOne, ...LIMITED },
  'its tokens per minute are used': { settings: () => ({ limits: { tpm: 40 } }), use: useOne, ...LIMITED },
  'its calls at once are used': {
    settings: () => ({ limits: { concurrency: 1 } }),
    use: async (key) => {
      const running = openAnswer(broker.url, {
        model: 'solo',
        key,
        prompt: '[[sim tokens=900 pace=100]]',
        stream: true,
      });
      await vendors.primary.until(({ inFlight }) => inFlight > 0);
      return running;
    },
    ...LIMITED,
  },
};

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 8 });
  const protocols = ['openai-chat' as const, 'openai-embeddings' as const];
  broker = await startBroker({
    together: true,
    configuration: {
      providers: { primary: provider(vendors.primary, { protocols }) },
      models: { solo: { deployments: [deployment('primary', 'solo')] } },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const make = (path: string, body: object) => adminCreate(broker, path, body);

/** A key below a project, below an organisation; one of them has the settings. */
async function keyOf(level: Level, settings: object): Promise<string> {
  const at = (name: Level) => ({ name, ...(name === level ? settings : {}) });
  const organisation = await make('/accounts', { kind: 'organisation', ...at('organisation') });
  const project = await make('/accounts', { kind: 'project', organisation: organisation.id, ...at('project') });
  return (await make('/keys', { project: project.id, ...at('key') })).key;
}

type Json = Record<string, never> & { error: Record<string, unknown> };

/** Addresses, and what their error object must be. */
const ADDRESSES: { name: string; path: string; body: object; expected: (reason: Reason) => object }[] = [
  ...SPOKEN.flatMap((name) =>
    [false, true].map((isStream) => ({
      name: `${name}${isStream ? ', streamed' : ''}`,
      path: SPOKEN_PROTOCOLS[name].path('solo', isStream),
      body: SPOKEN_PROTOCOLS[name].body({ model: 'solo', prompt: 'Hi.', isStream }),
      expected: (reason: Reason) => EXPECTED[name](reason),
    })),
  ),
  {
    name: 'openai-completions',
    path: '/v1/completions',
    body: { model: 'solo', prompt: 'Hi.' },
    expected: (reason) => openaiError(reason),
  },
  {
    name: 'openai-embeddings',
    path: '/v1/embeddings',
    // Longer than the tokens that are left of its minute.
    body: { model: 'solo', input: 'Hi. '.repeat(50) },
    expected: (reason) => openaiError(reason),
  },
];

function openaiError({ openai }: Reason): object {
  return { error: { message: expect.stringMatching(/\w/), param: expect.toSatisfy(isTextOrNull), ...openai } };
}

const isTextOrNull = (value: unknown) => value === null || typeof value === 'string';

const EXPECTED = {
  'openai-chat': openaiError,
  'openai-responses': openaiError,
  'anthropic-messages': ({ anthropic }: Reason) => ({
    type: 'error',
    error: { type: anthropic, message: expect.stringMatching(/\w/) },
    request_id: expect.stringMatching(/^req_/),
  }),
  'gemini-generate-content': ({ google, status }: Reason) => ({
    error: { code: status, status: google, message: expect.stringMatching(/\w/), details: expect.any(Array) },
  }),
};

describe('lines of batches', () => {
  const REFUSED = {
    'its budget is spent': 402,
    'its credits are spent': 402,
    'it may not use the model': 403,
  } as const;

  test.each(Object.entries(REFUSED))(
    '%s: OpenAI’s have the complete response, Anthropic’s the error',
    async (name, status) => {
      const reason = REASONS[name]!;
      const key = await keyOf('project', reason.settings());
      const client = sdk(broker, key);
      const done = await ended(client, (await submit(client, chatLines(1))).id);
      // Models are checked when the file is read, as a provider does.
      if (status === 403)
        expect(done).toMatchObject({ status: 'failed', errors: { data: [{ code: reason.openai.code }] } });
      else {
        const [line] = await results(client, done.error_file_id);
        expect(line).toMatchObject({ error: null, response: { status_code: status, body: openaiError(reason) } });
      }

      const anthropic = new Anthropic({ baseURL: broker.url, apiKey: key, maxRetries: 0 });
      const params = { model: 'solo', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi.' }] };
      const { id } = await anthropic.messages.batches.create({ requests: [{ custom_id: 'one', params }] });
      const isOver = async () => (await anthropic.messages.batches.retrieve(id)).processing_status === 'ended';
      await waitFor('the end of the message batch', isOver, 30_000);
      const seen: string[] = [];
      for await (const { result } of await anthropic.messages.batches.results(id)) {
        seen.push(result.type);
        expect(result).toMatchObject({ error: { type: 'error', error: { type: reason.anthropic } } });
      }
      expect(seen).toEqual(['errored']);
    },
  );
});

describe.each(Object.entries(REASONS))('%s', (_name, reason) => {
  test.each(LEVELS)('for: %s', { timeout: 30_000 }, async (level) => {
    const key = await keyOf(level, reason.settings());
    const running = (await reason.use?.(key)) ?? null;
    for (const { name, path, body, expected } of ADDRESSES) {
      const answer = await ask(broker.url, { path, body, key, headers: DEADLINE });
      expect(answer.status, `${name}: ${answer.text}`).toBe(reason.status);
      expect(JSON.parse(answer.text) as Json, name).toMatchObject(expected(reason));
      expectWait(answer.headers, reason, name);
    }
    await expectOnSocket(key, reason);
    running?.abort();
    await running?.ended;
    await vendors.primary.until(({ inFlight }) => inFlight === 0);
  });
});

function expectWait(headers: Record<string, string>, { isCuredByTime, status }: Reason, name: string): void {
  const { 'retry-after': seconds, 'retry-after-ms': ms, 'x-should-retry': shouldRetry } = headers;
  if (isCuredByTime) expect(Number(seconds), name).toBe(Math.ceil(Number(ms) / 1_000));
  else expect({ seconds, ms }, name).toEqual({ seconds: undefined, ms: undefined });
  // The SDKs of OpenAI and Anthropic do not retry a 402 by themselves, but proxies in between may.
  if (status === 402) expect(shouldRetry, name).toBe('false');
}

/** The turn of a WebSocket is refused with an event; an expired key with the status of the upgrade. */
async function expectOnSocket(key: string, reason: Reason): Promise<void> {
  const { status, openai } = reason;
  const url = `${broker.url}/v1/responses`;
  const headers = { authorization: `Bearer ${key}`, ...DEADLINE };
  if (status === 401) return expect(await refusedUpgrade(url, headers)).toMatchObject({ status });
  const { socket, send, next } = await openSocket(url, headers);
  send({ type: 'response.create', model: 'solo', input: 'Hi.', store: false });
  const event = await next(/^(error|response\.failed|response\.completed)$/);
  socket.terminate();
  expect(event).toMatchObject({
    type: 'error',
    status,
    error: openai,
    headers: { 'x-request-id': expect.any(String) },
  });
  expectWait(event.headers as Record<string, string>, reason, 'websocket');
}
