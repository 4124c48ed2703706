// The disk of Redis' append-only file is full: Redis refuses every write (MISCONF). Streams wait and continue later; new
// requests are refused in time, with the reason in /readyz; when there is space again, everything works without a restart.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { canFillDisks, emptyDiskOf, fillDiskOf } from '#test/support/full-disk.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const TOKENS = 100;

describe.skipIf(!canFillDisks)('a full disk', () => {
  let vendors: Providers;
  let broker: TestBroker;
  let stream: Answer;
  let refused: Answer[];
  let unready: string;

  const isRefusing = async () =>
    (await broker.redis.client.set('probe', '1').catch((error: Error) => error.message)) !== 'OK';

  beforeAll(async () => {
    vendors = await startProviders({ tokens: TOKENS });
    vendors.primary.change({ paceMs: 20 });
    broker = await startBroker({ configuration: providerConfiguration(vendors), redis: { appendOnly: true } });
    const open = openAnswer(broker.url, { stream: true, prompt: 'I stream.' });
    await waitFor('some tokens', () => readChatStream(open.text).tokens > 10);
    const pid = Number(/process_id:(\d+)/.exec(await broker.redis.client.info('server'))![1]);

    fillDiskOf(pid);
    await waitFor('Redis to refuse', isRefusing);
    refused = await Promise.all([true, false].map((isStream) => ask(broker.url, { stream: isStream, prompt: 'Now?' })));
    unready = await waitFor('/readyz to say it', async () => {
      const answer = await fetch(`${broker.url}/readyz`);
      const text = await answer.text();
      return answer.status === 503 && text.includes('MISCONF') ? text : null;
    });
    await vendors.primary.until((stats) => stats.outcomes.completed === 1);
    emptyDiskOf(pid);
    await waitFor('Redis to take writes', async () => !(await isRefusing()));
    stream = await open.ended;
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
    await vendors?.close();
  });

  test('what a client with a running request received: everything', () => {
    expect(readChatStream(stream.text)).toMatchObject({ tokens: TOKENS, isDone: true });
  });

  test('what new clients received meanwhile: 503 with retry-after', () => {
    for (const { status, headers, durationMs } of refused) {
      expect(status).toBe(503);
      expect(headers).toHaveProperty('retry-after');
      expect(durationMs).toBeLessThan(5_000);
    }
    expect(unready).toContain('not ready');
  });

  test('what was billed: the one call', async () => {
    await booksClosed(broker, 40_000);
    const rows = await ledgerRows(broker);
    expect(rows.map(({ outcome }) => outcome)).toEqual(['ok']);
    expectLedgerEqualsBill(rows, vendors);
  });

  test('what happens to the next request: it is answered, without a restart', async () => {
    await waitFor('readiness', async () => (await fetch(`${broker.url}/readyz`)).status === 200);
    expect((await ask(broker.url, { prompt: '[[sim tokens=12]] And then?' })).status).toBe(200);
    const ends = [...broker.apis, ...broker.workers].map(({ child }) => child.exitCode ?? child.signalCode);
    expect(ends).toEqual([null, null]);
  });
});
