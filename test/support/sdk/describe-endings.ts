// How what goes wrong looks to an SDK, and what becomes of an answer that nobody waits for.
import { describe, expect, test } from 'vitest';
import { waitFor } from '#test/support/wait.ts';
import type { Question, Sdk, SdkClient } from './sdk-client.ts';
import { MODES, type Mode, VENDOR_MODELS, type Vendors } from './vendors.ts';

const REFUSALS: readonly [what: string, fault: string, status: number][] = [
  ['a request that the vendor finds bad', '400', 400],
  ['a vendor’s rate limit', '429:10:milliseconds', 429],
  ['a vendor that is away', '503', 503],
];
const ABORTED_WITHIN_MS = 5_000;

export function describeEndings(sdk: Sdk, vendors: Vendors): void {
  describe.each(MODES)('%s', (mode) => {
    test('a wrong key', async () => {
      const client = vendors.connect(sdk, 'sk-wrong');
      expect(await statusOf(client, mode, { model: 'gpt-4o', prompt: 'Hello.' })).toBe(401);
    });

    test('a model that there is not', async () => {
      expect(await statusOf(vendors.connect(sdk), mode, { model: 'no-such-model', prompt: 'Hello.' })).toBe(404);
    });
  });

  describe.each(VENDOR_MODELS)('$model ($vendor)', ({ model, vendor }) => {
    describe.each(MODES)('%s', (mode) => {
      test.each(REFUSALS)('%s', async (_what, fault, status) => {
        const question = { model, prompt: `[[sim fault=${fault}]] Hello.` };
        expect(await statusOf(vendors.connect(sdk), mode, question)).toBe(status);
      });
    });

    test('an error in the middle of a stream is one for the SDK, too', async () => {
      const question = { model, prompt: '[[sim fault=error_event@25 tokens=60]] Hello.' };
      await expect(vendors.connect(sdk).stream(question)).rejects.toThrow();
    });

    test('a stream that is left is closed at the vendor', async () => {
      const aborted = countAborted(vendors, vendor);
      await vendors.connect(sdk).leave({ model, prompt: '[[sim tokens=3000 pace=5]] Hello.' });
      await aborted();
    });

    test('an answer that is no longer waited for is not finished', async () => {
      const aborted = countAborted(vendors, vendor);
      const gone = new AbortController();
      const { simulators } = vendors;
      const before = simulators[vendor].requests().at(-1)?.vendorRequestId;
      const question = { model, prompt: '[[sim tokens=1500 pace=5]] Hello.', signal: gone.signal };
      const answered = vendors.connect(sdk).ask(question);
      await Promise.all([
        expect(answered).rejects.toThrow(),
        waitFor('the vendor to be asked', () => simulators[vendor].requests().at(-1)?.vendorRequestId !== before).then(
          () => gone.abort(),
        ),
      ]);
      await aborted();
    });

    // The last, for it opens the circuit of the deployment: what comes next is the probe that closes it.
    test.each(MODES)('%s: the broker’s own key being refused is not the client’s doing', async (mode) => {
      const question = { model, prompt: '[[sim fault=401]] Hello.' };
      expect(await statusOf(vendors.connect(sdk), mode, question)).toBe(502);
    });
  });
}

async function statusOf(client: SdkClient, mode: Mode, question: Question): Promise<number | undefined> {
  const error = await client[mode](question).then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  const status = client.statusOf(error);
  if (status === undefined) throw error;
  return status;
}

/** Waits until the vendor has seen one more client go away. */
function countAborted({ simulators }: Vendors, vendor: Parameters<Vendors['lastBody']>[0]): () => Promise<unknown> {
  const count = () => simulators[vendor].stats().outcomes.aborted ?? 0;
  const before = count();
  return () => waitFor('the vendor to see the client go', () => count() > before, ABORTED_WITHIN_MS);
}
