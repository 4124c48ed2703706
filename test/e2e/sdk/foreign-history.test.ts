// A conversation that one model began, with thoughts and calls, continued by every other: the signatures of the first are
// useless to the second, which must not refuse them either. The simulator verifies every signature.
import { describe, expect, test } from 'vitest';
import { expectCalls } from '#test/support/sdk/describe-tools.ts';
import { MODES, PROVIDER_MODELS, thinking, useProviders } from '#test/support/sdk/providers.ts';
import { ALL_SDKS } from '#test/support/sdk/sdks.ts';

const vendors = useProviders();
const CALLS = 'What is the weather in Paris, and what time is it? Reply with exactly: Sunny at noon';

describe.each(ALL_SDKS)('$name', (sdk) => {
  describe.each(PROVIDER_MODELS)('from $model', (from) => {
    test.each(MODES)('%s', async (mode) => {
      const client = vendors.connect(sdk);
      const more = { hasTools: true, isThinking: true };
      const asked = await client[mode]({ ...thinking(from, CALLS), ...more });
      expectCalls(asked, ['get_weather', 'get_time']);
      for (const to of PROVIDER_MODELS.filter(({ model }) => model !== from.model)) {
        const answered = await client[mode]({ model: to.model, ...more, prompt: '', after: asked });
        expect(answered.text, to.model).toBe('Sunny at noon');
        expect(vendors.lastBody(to.vendor), to.model).not.toContain('sLuIcE');
      }
    });
  });
});
