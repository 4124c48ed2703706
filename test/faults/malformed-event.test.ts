// One event of a stream is not JSON, and the vendor goes on as if nothing had been. Nobody can tell what is missing: the
// client is told that the answer is broken, and the vendor is not listened to any longer.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { ask } from '#test/support/client.ts';
import { closedRows } from '#test/support/ledger.ts';
import { startVendors, type Vendors, vendorConfiguration } from '#test/support/vendors.ts';

let vendors: Vendors;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startVendors({ tokens: 12 });
  broker = await startBroker({ configuration: vendorConfiguration(vendors) });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test.each(['solo', 'pair'])('in a stream for the model %s', async (model) => {
  const prompt = '[[sim tokens=1000 pace=20 fault=malformed_once@5]]';
  const answer = await ask(broker.url, { model, stream: true, prompt });
  const { tokens, error, isDone } = readChatStream(answer.text);
  expect({ tokens, isDone, code: error?.code }).toEqual({ tokens: 5, isDone: false, code: 'upstream_malformed' });

  await vendors.primary.until((stats) => stats.inFlight === 0);
  const [row, ...more] = await closedRows(broker, answer.headers['x-request-id']!);
  expect(row).toMatchObject({ state: 'estimated', outcome: 'upstream_malformed', outputTokens: 5 });
  expect(more).toEqual([]);
  // The vendor bills what it had said before it noticed that nobody listens.
  const [billed] = vendors.bill(answer.headers['x-request-id']);
  expect(billed).toMatchObject({ outcome: 'aborted', usage: { inputTokens: row!.inputTokens } });
  expect(billed!.usage.outputTokens).toBeGreaterThanOrEqual(5);
  expect(billed!.usage.outputTokens).toBeLessThan(1000);
});

test('what happens to the next request: it is answered by the same vendor', async () => {
  const next = await ask(broker.url, { model: 'pair', stream: true, prompt: 'And then?' });
  expect(next.headers['x-sluice-provider']).toBe('primary');
  expect(readChatStream(next.text)).toMatchObject({ tokens: 12, isDone: true, error: null });
});
