// The body of a request is removed (Redis evicts it) after a worker was given the request and before it has read the body; or while
// the request waits in its queue. The client must be told, in the error form of its protocol.
//
// Symptom: a request whose body was lost in the queue was dropped silently, and its client waited until the deadline. Cause: the
// claim took a request without a body for one without a record. Fix: it is claimed, and ended with a failure.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, type OpenAnswer, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { readSpokenStream, SPOKEN, SPOKEN_PROTOCOLS, type SpokenName } from '#test/support/spoken-protocols.ts';
import { waitFor } from '#test/support/wait.ts';

const keys = createKeyspace('sluice');
/** Larger than what scripts carry: the worker reads the body by itself. */
const PROMPT = `I am long.${' And longer.'.repeat(10_000)}`;
const KEEP_ALIVE_MS = 100;

let vendors: Providers;
let broker: TestBroker;
let key: { id: string; secret: string };

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = { ...providerConfiguration(vendors), server: { keep_alive_ms: KEEP_ALIVE_MS } };
  broker = await startBroker({ configuration });
  key = await broker.createKey('payer', { budgets: { total: '1000000000000000' } });
}, 30_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

interface Sent {
  protocol: SpokenName;
  isStream: boolean;
  answer: OpenAnswer;
}

/** One of each kind in each protocol. */
function sendAll(lane: string): Sent[] {
  return SPOKEN.flatMap((protocol) =>
    [false, true].map((isStream) => {
      const spoken = SPOKEN_PROTOCOLS[protocol];
      const body = spoken.body({ model: 'solo', prompt: PROMPT, isStream });
      const [path, headers] = [spoken.path('solo', isStream), { 'x-sluice-lane': lane }];
      return { protocol, isStream, answer: openAnswer(broker.url, { path, body, headers, key: key.secret }) };
    }),
  );
}

async function removeBodies(count: number): Promise<void> {
  const { client } = broker.redis;
  const found = () => client.keys('*:body:*');
  await waitFor('the bodies', async () => (await found()).length === count);
  await client.del(...(await found()));
}

/** A stream whose headers are out ends with an event; the others have a status. */
async function untilStreamsBegan(sent: readonly Sent[]): Promise<void> {
  await waitFor('headers of the streams', () =>
    sent.every(({ isStream, answer }) => !isStream || answer.status !== null),
  );
}

const MESSAGE = /body of the request is no longer in Redis/;
const WHOLE: Record<SpokenName, object> = {
  'openai-chat': {
    error: { message: expect.stringMatching(MESSAGE), type: 'server_error', param: null, code: 'worker_lost' },
  },
  'openai-responses': {
    error: { message: expect.stringMatching(MESSAGE), type: 'server_error', param: null, code: 'worker_lost' },
  },
  'anthropic-messages': { type: 'error', error: { type: 'api_error', message: expect.stringMatching(MESSAGE) } },
  'gemini-generate-content': {
    error: { code: 500, status: 'INTERNAL', message: expect.stringMatching(MESSAGE) },
  },
};

async function expectFailures(sent: readonly Sent[]): Promise<void> {
  for (const { protocol, isStream, answer } of sent) {
    const { status, headers, text, ending } = await answer.ended;
    const told = `${protocol}, ${isStream ? 'streamed' : 'whole'}`;
    expect({ told, status, ending }).toEqual({ told, status: isStream ? 200 : 500, ending: 'whole' });
    if (isStream) {
      const { text: said, error, isDone } = readSpokenStream(protocol, text);
      expect({ told, said, isDone }).toEqual({ told, said: '', isDone: false });
      expect(error).toMatchObject({ message: expect.stringMatching(MESSAGE) });
    } else expect(JSON.parse(text)).toMatchObject(WHOLE[protocol]);
    const id = headers['x-request-id']!;
    expect(await requestRow(broker, id)).toMatchObject({ outcome: 'worker_lost', attempts: 0n });
    expect(await ledgerRows(broker, id)).toEqual([]);
  }
  await booksClosed(broker);
  const [spent, held] = await broker.redis.client.hmget(keys.budget(`${key.id}:total`), 'spent', 'held');
  expect({ spent: Number(spent), held: Number(held) }).toEqual({ spent: 0, held: 0 });
  expect(vendors.primary.stats().calls).toBe(0);
}

test.each([
  { where: 'between the hand-over and the worker', lane: 'interactive' },
  { where: 'in the queue', lane: 'batch' },
])('bodies lost $where: every client is told, nothing is billed', async ({ lane }) => {
  const [worker] = broker.workers;
  worker!.child.kill('SIGSTOP');
  const sent = sendAll(lane);
  await removeBodies(sent.length);
  await untilStreamsBegan(sent);
  worker!.child.kill('SIGCONT');
  await expectFailures(sent);
});

test('what happens to the next request: it is answered and billed', async () => {
  const next = await ask(broker.url, { prompt: PROMPT, key: key.secret });
  expect(next.status).toBe(200);
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker, next.headers['x-request-id']!), vendors);
});
