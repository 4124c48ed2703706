// A plan across protocols: an OpenAI model, then Claude, then Gemini. Whichever provider answers, the client's SDK reads its
// own protocol, and the conversation continues with the next one.
import { afterEach, describe, expect, test } from 'vitest';
import { expectCalls } from '#test/support/sdk/describe-tools.ts';
import { CASCADE, IN_TIERS, MODES, type ProviderName, useProviders } from '#test/support/sdk/providers.ts';
import { ALL_SDKS } from '#test/support/sdk/sdks.ts';

const vendors = useProviders({}, IN_TIERS);
/** Turns are distinguished by their text, so that a fault applies only to the intended ones. */
const away = (...names: ProviderName[]) => {
  for (const name of names) vendors.simulators[name].faults.replace(['503']);
};
const back = () => {
  for (const simulator of Object.values(vendors.simulators)) simulator.faults.clear();
};
afterEach(back);

const CALLS = 'What is the weather in Paris, and what time is it? Reply with exactly: Sunny at noon';
/** The cascade, in order. */
const STEPS: readonly ProviderName[] = ['chat', 'anthropic', 'google'];

describe.each(ALL_SDKS)('$name', (sdk) => {
  describe.each(MODES)('%s', (mode) => {
    const ask = (prompt: string, more: object = {}) => vendors.connect(sdk)[mode]({ model: CASCADE, prompt, ...more });

    test.each(STEPS.slice(1))('answered by %s when the providers before it are down', async (name) => {
      const requests = vendors.simulators[name].stats().calls;
      away(...STEPS.slice(0, STEPS.indexOf(name)));
      const reply = await ask('Reply with exactly: rescued by another');
      expect(reply).toMatchObject({ text: 'rescued by another', finish: sdk.finishes.stop });
      expect(vendors.simulators[name].stats().calls).toBe(requests + 1);
    });

    test.each(STEPS)(
      'a conversation with tools and thoughts that started at %s continues at the others',
      async (first) => {
        away(...STEPS.filter((name) => name !== first));
        const more = { hasTools: true, isThinking: true };
        const asked = await ask(CALLS, more);
        expectCalls(asked, ['get_weather', 'get_time']);
        for (const second of STEPS.filter((name) => name !== first)) {
          back();
          away(...STEPS.filter((name) => name !== second));
          const answered = await ask('', { ...more, after: asked });
          expect(answered, second).toMatchObject({ text: 'Sunny at noon', finish: sdk.finishes.stop });
          // And home again, with what both have signed.
          back();
          away(...STEPS.filter((name) => name !== first));
          const third = await ask('Reply with exactly: home again', { ...more, after: answered });
          expect(third.text, second).toBe('home again');
        }
      },
    );
  });

  test('a stream that breaks off is continued by the next provider', async () => {
    const prompt = '[[sim on=chat fault=cut@3]] Reply with exactly: one two three four five six seven';
    const reply = await vendors.connect(sdk).stream({ model: CASCADE, prompt });
    expect(reply.text).toBe('one two three four five six seven');
    expect(reply.finish).toBe(sdk.finishes.stop);
  });
});
