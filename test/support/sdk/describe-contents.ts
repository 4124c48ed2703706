// What an SDK can send to a model of any provider, and read from its answer.
import { describe, expect, test } from 'vitest';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64 } from '#test/fixtures/protocols/fixtures.ts';
import { MODES, PROVIDER_MODELS, type Providers, thinking } from './providers.ts';
import type { Sdk } from './sdk-client.ts';

const SENT = { image: IMAGE_BASE64, 'image-link': IMAGE_URL, pdf: PDF_BASE64 };

export function describeContents(sdk: Sdk, vendors: Providers): void {
  const shows = (what: 'reasoning' | 'cost') => sdk.hides?.includes(what) !== true;

  describe.each(PROVIDER_MODELS)('$model ($provider)', (providerModel) => {
    const { model, vendor } = providerModel;

    describe.each(MODES)('%s', (mode) => {
      test('a text, with what it used and what it cost', async () => {
        const reply = await vendors.connect(sdk)[mode]({
          model,
          system: 'You are terse.',
          prompt: 'Reply with exactly: connected at last',
        });
        expect(reply.text).toBe('connected at last');
        expect(reply.finish).toBe(sdk.finishes.stop);
        const billed = vendors.simulators[vendor].bill.entries().at(-1)!.usage;
        expect(reply.usage).toEqual({ input: billed.inputTokens, output: billed.outputTokens });
        if (mode === 'stream') expect(reply.pieces).toBeGreaterThan(1);
        if (shows('cost')) expect(reply).toMatchObject({ cost: expect.any(Number), charge: expect.any(Number) });
        expect(vendors.lastBody(vendor)).toContain('You are terse.');
      });

      test('JSON by a schema', async () => {
        const reply = await vendors.connect(sdk)[mode]({ model, prompt: 'How is Paris?', isJson: true });
        expect(JSON.parse(reply.text)).toEqual({ city: expect.any(String), isSunny: expect.any(Boolean) });
      });

      test('reasoning that can be seen', async () => {
        const reply = await vendors.connect(sdk)[mode](thinking(providerModel, 'Reply with exactly: thought through'));
        expect(reply.text).toBe('thought through');
        if (shows('reasoning')) expect(reply.reasoning).not.toBe('');
      });
    });

    test.each(['image', 'image-link', 'pdf'] as const)('an attachment: %s', async (attachment) => {
      if (attachment === 'image-link' && sdk.fetchesLinks) return;
      const reply = await vendors.connect(sdk).ask({ model, attachment, prompt: 'Reply with exactly: seen' });
      expect(reply.text).toBe('seen');
      expect(vendors.lastBody(vendor)).toContain(SENT[attachment]);
    });

    test('a conversation of several turns', async () => {
      const client = vendors.connect(sdk);
      const first = await client.stream({ model, prompt: 'Reply with exactly: one' });
      const second = await client.ask({ model, after: first, prompt: 'Reply with exactly: two' });
      const third = await client.stream({ model, after: second, prompt: 'Reply with exactly: three' });
      expect([first.text, second.text, third.text]).toEqual(['one', 'two', 'three']);
      expect(vendors.lastBody(vendor)).toMatch(/exactly: one.*"one".*exactly: two.*"two".*exactly: three/s);
    });
  });
}
