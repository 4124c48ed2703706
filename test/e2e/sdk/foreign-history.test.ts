// A conversation that one model began, with thoughts and calls, continued by every other: the signatures of the first are
// useless to the second, which must not refuse them either. The simulator verifies every signature. `npm run test:long` has
// every pair of models in every SDK; otherwise each SDK has some of them, and each pair is had by several SDKs.
import { describe, expect, test } from 'vitest';
import { volume } from '#test/support/runs.ts';
import { expectCalls } from '#test/support/sdk/describe-tools.ts';
import { IN_TIERS, MODES, PROVIDER_MODELS, thinking, useProviders } from '#test/support/sdk/providers.ts';
import { ALL_SDKS } from '#test/support/sdk/sdks.ts';

const vendors = useProviders({}, IN_TIERS);
const CALLS = 'What is the weather in Paris, and what time is it? Reply with exactly: Sunny at noon';

/** Models that continue one conversation. */
const CONTINUED_BY = volume(2, PROVIDER_MODELS.length - 1);

describe.each(ALL_SDKS)('$name', (sdk) => {
  describe.each(PROVIDER_MODELS)('from $model', (from) => {
    const others = PROVIDER_MODELS.filter(({ model }) => model !== from.model);
    test.each(MODES)('%s', async (mode) => {
      const client = vendors.connect(sdk);
      const more = { hasTools: true, isThinking: true };
      const asked = await client[mode]({ ...thinking(from, CALLS), ...more });
      expectCalls(asked, ['get_weather', 'get_time']);
      const first = ALL_SDKS.indexOf(sdk) + MODES.indexOf(mode) * CONTINUED_BY;
      for (let turn = 0; turn < CONTINUED_BY; turn++) {
        const to = others[(first + turn) % others.length]!;
        const answered = await client[mode]({ model: to.model, ...more, prompt: '', after: asked });
        expect(answered.text, to.model).toBe('Sunny at noon');
        expect(vendors.lastBody(to.vendor), to.model).not.toContain('sLuIcE');
      }
    });
  });
});
