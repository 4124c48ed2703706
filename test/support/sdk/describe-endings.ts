// How an SDK reports failures, and what happens to an answer whose client disconnects.
import { describe, expect, test } from 'vitest';
import { waitFor } from '#test/support/wait.ts';
import { MODES, type Mode, PROVIDER_MODELS, type Providers } from './providers.ts';
import type { Question, Sdk, SdkClient } from './sdk-client.ts';

const REFUSALS: readonly [what: string, fault: string, status: number][] = [
  ['a request that the provider finds bad', '400', 400],
  ['a provider’s rate limit', '429:10:milliseconds', 429],
  ['a provider that is away', '503', 503],
];
const ABORTED_WITHIN_MS = 5_000;

export function describeEndings(sdk: Sdk, vendors: Providers): void {
  describe.each(MODES)('%s', (mode) => {
    test('a wrong key', async () => {
      const client = vendors.connect(sdk, 'sk-wrong');
      expect(await statusOf(client, mode, { model: 'gpt-4o', prompt: 'Hello.' })).toBe(401);
    });

    test('a model that there is not', async () => {
      expect(await statusOf(vendors.connect(sdk), mode, { model: 'no-such-model', prompt: 'Hello.' })).toBe(404);
    });
  });

  describe.each(PROVIDER_MODELS)('$model ($provider)', ({ model, vendor }) => {
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

    test('a stream that is left is closed at the provider', async () => {
      const aborted = countAborted(vendors, vendor);
      await vendors.connect(sdk).leave({ model, prompt: '[[sim tokens=3000 pace=5]] Hello.' });
      await aborted();
    });

    test('an answer that is no longer waited for is not finished', async () => {
      const aborted = countAborted(vendors, vendor);
      const gone = new AbortController();
      const { simulators } = vendors;
      const before = simulators[vendor].requests().at(-1)?.providerRequestId;
      const question = { model, prompt: '[[sim tokens=1500 pace=5]] Hello.', signal: gone.signal };
      const answered = vendors.connect(sdk).ask(question);
      await Promise.all([
        expect(answered).rejects.toThrow(),
        waitFor(
          'the provider to be asked',
          () => simulators[vendor].requests().at(-1)?.providerRequestId !== before,
        ).then(() => gone.abort()),
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

/** Waits until the provider has seen one more client go away. */
function countAborted({ simulators }: Providers, vendor: Parameters<Providers['lastBody']>[0]): () => Promise<unknown> {
  const count = () => simulators[vendor].stats().outcomes.aborted ?? 0;
  const before = count();
  return () => waitFor('the provider to see the client go', () => count() > before, ABORTED_WITHIN_MS);
}
