// Tools through an SDK: calls, their results, and what providers sign and require back in the next turn. The simulator checks
// every signature that it receives.
import { describe, expect, test } from 'vitest';
import { MODES, PROVIDER_MODELS, type Providers, thinking } from './providers.ts';
import { RESULTS, type Reply, type Sdk } from './sdk-client.ts';

const CITY = { city: expect.any(String) as string };
const WEATHER = 'What is the weather in Paris? Reply with exactly: It is sunny';
const BOTH = 'What is the weather in Paris, and what time is it? Reply with exactly: Sunny at noon';

export function describeTools(sdk: Sdk, vendors: Providers): void {
  describe.each(PROVIDER_MODELS)('$model ($provider)', (providerModel) => {
    const { model, vendor, proof } = providerModel;

    describe.each(MODES)('%s', (mode) => {
      test('a call and its result', async () => {
        const client = vendors.connect(sdk);
        const first = await client[mode]({ model, hasTools: true, prompt: WEATHER });
        expectCalls(first, ['get_weather']);
        expect(first.finish).toBe(sdk.finishes.calls);
        const second = await client[mode]({ model, hasTools: true, prompt: '', after: first });
        expect(second).toMatchObject({ text: 'It is sunny', calls: [], finish: sdk.finishes.stop });
        expect(vendors.lastBody(vendor)).toContain(RESULTS.get_weather);
      });

      test('calls in parallel, each with an id of its own', async () => {
        const client = vendors.connect(sdk);
        const first = await client[mode]({ model, hasTools: true, prompt: BOTH });
        expectCalls(first, ['get_weather', 'get_time']);
        const second = await client[mode]({ model, hasTools: true, prompt: '', after: first });
        expect(second.text).toBe('Sunny at noon');
        expect(vendors.lastBody(vendor)).toContain(RESULTS.get_time);
      });

      test('thoughts before calls go back to the provider with the results', async () => {
        const client = vendors.connect(sdk);
        const more = { hasTools: true, isThinking: true, model };
        const first = await client[mode]({ ...thinking(providerModel, BOTH), hasTools: true });
        expectCalls(first, ['get_weather', 'get_time']);
        const second = await client[mode]({ ...more, prompt: '', after: first });
        expect(second.text).toBe('Sunny at noon');
        if (proof !== null && !sdk.hides?.includes('signatures')) expect(vendors.lastBody(vendor)).toMatch(proof);
        const third = await client[mode]({ ...more, prompt: 'Reply with exactly: you are welcome', after: second });
        expect(third.text).toBe('you are welcome');
      });
    });
  });
}

export function expectCalls(reply: Reply, names: readonly string[]): void {
  expect(reply.calls.map(({ name }) => name)).toEqual(names);
  for (const { input } of reply.calls) expect(input).toEqual(CITY);
  const ids = reply.calls.map(({ id }) => id).filter((id) => id !== '');
  expect(new Set(ids).size).toBe(ids.length);
}
