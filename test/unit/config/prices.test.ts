import { describe, expect, test } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { configuredPrice, packagedPrice, priceFor } from '#src/config/prices.ts';
import { configurationSchema } from '#src/config/schema.ts';

test('a configured price is exact to the picodollar', () => {
  const { base } = configuredPrice({ input: 0.1, cached_input: 0.000001, output: 0.6 });
  expect(base).toMatchObject({ input: 100_000n, cachedInput: 1n, cacheWrite: 100_000n, output: 600_000n });
});

describe('the price package', () => {
  test('knows OpenAI’s models by provider', () => {
    const schedule = packagedPrice('openai', 'gpt-4o-mini-2024-07-18');
    expect(schedule?.base).toMatchObject({
      input: 150_000n,
      cachedInput: 75_000n,
      cacheWrite: 150_000n,
      output: 600_000n,
    });
  });

  test('has no prices for an unlisted provider, whatever the model’s name', () => {
    expect(packagedPrice('my-own-server', 'gpt-4o')).toBeNull();
  });

  test('charges a long prompt completely at the higher rate', () => {
    const schedule = packagedPrice('anthropic', 'claude-sonnet-4-5')!;
    expect(priceFor(schedule, 200_000).input).toBe(3_000_000n);
    expect(priceFor(schedule, 200_001)).toMatchObject({ input: 6_000_000n, output: 22_500_000n });
  });
});

test('the configuration overrides the package; an unknown price is null, not zero', () => {
  const catalogue = createCatalogue(
    configurationSchema.parse({
      providers: { openai: {}, own: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1' } },
      models: {
        a: { deployments: [{ provider: 'openai', model: 'gpt-4o', price: { input: 1, output: 2 } }] },
        b: { deployments: [{ provider: 'openai', model: 'gpt-4o-mini' }] },
        c: { deployments: [{ provider: 'own', model: 'gpt-4o' }] },
      },
    }),
  );
  const price = (name: string) => {
    const { deployment, upstreamModel } = catalogue.findModel(name)!.candidates[0]!;
    return catalogue.priceOf(deployment, upstreamModel, 10)?.output ?? null;
  };
  expect([price('a'), price('b'), price('c')]).toEqual([2_000_000n, 600_000n, null]);
});
