// Lines through their vendors' own batches: every line once, at half the price, in the client's own protocol.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Simulator } from '#src/simulator/simulator.ts';
import { chatLine, ended, type ResultLine, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import {
  expectLedgerEqualsBatchBill,
  nativeConfiguration,
  QUICK,
  startVendor,
  VENDORS,
} from '#test/support/native-batches.ts';

const LINES = 300;

function lines(
  count: number,
  prompt: (index: number) => string = (index) => `Line ${index}.`,
  model = 'native',
): string {
  return Array.from({ length: count }, (_, index) =>
    chatLine({ customId: `line-${index}`, model, prompt: prompt(index) }),
  ).join('\n');
}

const idsOf = (output: readonly ResultLine[]) => output.map(({ custom_id }) => custom_id).sort();
const allIds = (count: number) => Array.from({ length: count }, (_, index) => `line-${index}`).sort();

describe.each(VENDORS)('a batch of %s', (vendor) => {
  let simulator: Simulator;
  let broker: TestBroker;

  beforeEach(async () => {
    simulator = await startVendor();
    const configuration = nativeConfiguration(simulator, vendor, { ...QUICK, chunk_lines: 120 });
    broker = await startBroker({ configuration, batches: 1 });
  });
  afterEach(async () => {
    await broker?.stop();
    await simulator?.close();
  });

  test('has every line once, at half the price', async () => {
    const client = sdk(broker);
    const done = await ended(client, (await submit(client, lines(LINES))).id);
    expect(done).toMatchObject({
      status: 'completed',
      request_counts: { total: LINES, completed: LINES, failed: 0 },
      error_file_id: null,
    });
    const output = await results(client, done.output_file_id);
    expect(idsOf(output)).toEqual(allIds(LINES));
    for (const { response } of output) {
      expect(response).toMatchObject({
        status_code: 200,
        body: { object: 'chat.completion', choices: [{ finish_reason: 'stop' }], usage: { completion_tokens: 6 } },
      });
    }
    // Nothing went as an ordinary call, and a line costs half of what it would there.
    expect(simulator.stats()).toMatchObject({ calls: 0, batchLines: LINES });
    await booksClosed(broker);
    const rows = await ledgerRows(broker);
    expect(rows).toHaveLength(LINES);
    expect(
      new Set(rows.map(({ state, outcome, provider, attempt }) => [state, outcome, provider, attempt].join())),
    ).toEqual(new Set(['settled,ok,vendor,1']));
    for (const { inputTokens, outputTokens, costPicoUsd } of rows) {
      expect(costPicoUsd * 2n).toBe(BigInt(inputTokens) * 2_500_000n + BigInt(outputTokens) * 10_000_000n);
    }
    expectLedgerEqualsBatchBill(rows, simulator);
    expect(await broker.database.selectFrom('native_chunks').selectAll().execute()).toEqual([]);
  });

  test('has the faults of lines: what another call can cure runs again, the rest is answered', async () => {
    const prompts = [
      'Hello.',
      '[[sim fault=400]] no',
      '[[sim fault=500 times=1]] once',
      '[[sim fault=429 times=1]] wait',
    ];
    const client = sdk(broker);
    const done = await ended(
      client,
      (
        await submit(
          client,
          lines(4, (index) => prompts[index]!),
        )
      ).id,
    );
    expect(done.request_counts).toEqual({ total: 4, completed: 3, failed: 1 });
    expect(idsOf(await results(client, done.output_file_id))).toEqual(['line-0', 'line-2', 'line-3']);
    const [refused] = await results(client, done.error_file_id);
    expect(refused).toMatchObject({ custom_id: 'line-1', response: { status_code: 400, body: { error: {} } } });
    expect(simulator.stats()).toMatchObject({ calls: 2, batchLines: 4 });
    await booksClosed(broker);
    expectLedgerEqualsBatchBill(await ledgerRows(broker), simulator);
  });

  test('expires there half done: the rest is pulled back', async () => {
    const client = sdk(broker);
    simulator.change({ batchFault: 'expire' });
    const done = await ended(client, (await submit(client, lines(40))).id);
    expect(done).toMatchObject({ status: 'completed', request_counts: { total: 40, completed: 40, failed: 0 } });
    expect(idsOf(await results(client, done.output_file_id))).toEqual(allIds(40));
    expect(simulator.stats()).toMatchObject({ calls: 20, batchLines: 20 });
    await booksClosed(broker);
    expectLedgerEqualsBatchBill(await ledgerRows(broker), simulator);
  });

  test('is accepted there though the answer is lost: it is found and not sent again', async () => {
    const client = sdk(broker);
    simulator.change({ batchFault: 'lost' });
    const done = await ended(client, (await submit(client, lines(20))).id);
    expect(done.request_counts).toEqual({ total: 20, completed: 20, failed: 0 });
    expect(simulator.stats()).toMatchObject({ calls: 0, batchLines: 20 });
    await booksClosed(broker);
    expectLedgerEqualsBatchBill(await ledgerRows(broker), simulator);
  });
});
