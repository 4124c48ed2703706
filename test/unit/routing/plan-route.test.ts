import { describe, expect, test } from 'vitest';
import { type Catalogue, createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { planRoute, type RouteRequest } from '#src/routing/plan-route.ts';

const provider = { protocols: ['openai-chat' as const], base_url: 'http://127.0.0.1:1/v1' };

const catalogue: Catalogue = createCatalogue(
  configurationSchema.parse({
    providers: {
      openai: provider,
      azure: provider,
      groq: provider,
      claude: { ...provider, protocols: ['anthropic-messages'] },
    },
    models: {
      'gpt-4o': {
        deployments: [
          { provider: 'azure', model: 'gpt-4o', tier: 2 },
          { provider: 'openai', model: 'gpt-4o-2024-11-20', tier: 1 },
        ],
        fallbacks: ['llama'],
        on_content_filter: ['llama', 'sonnet'],
        on_context_length: ['spread'],
        wait_up_to_ms: 500,
      },
      llama: { deployments: [{ provider: 'groq', model: 'llama-3.3' }] },
      sonnet: { deployments: [{ provider: 'claude', model: 'claude-sonnet-5' }] },
      'openai/*': { deployments: [{ provider: 'openai', model: '*' }] },
      spread: {
        deployments: [
          { provider: 'openai', model: 'a', weight: 3 },
          { provider: 'azure', model: 'b', weight: 1 },
        ],
      },
    },
  }),
);

const request: RouteRequest = { model: 'gpt-4o', alternativeModels: [], preferences: {}, pinnedProvider: null };

function plan(change: Partial<RouteRequest> = {}, more: { cooling?: string[]; random?: () => number } = {}) {
  return planRoute(
    { ...request, ...change },
    {
      catalogue,
      canServe: (protocols) => protocols.includes('openai-chat'),
      isCooling: (id) => more.cooling?.includes(id) ?? false,
      random: more.random ?? (() => 0.5),
    },
  );
}

function steps(...args: Parameters<typeof plan>): string[] {
  const result = plan(...args);
  if (!('steps' in result)) throw new Error(result.message);
  return result.steps.map((step) => `${step.provider}:${step.upstreamModel}`);
}

describe('the order of deployments', () => {
  test('is lower tiers first, fallback models last', () => {
    expect(steps()).toEqual(['openai:gpt-4o-2024-11-20', 'azure:gpt-4o', 'groq:llama-3.3']);
  });

  test('follows the vendor header, which pins a provider', () => {
    expect(steps({ pinnedProvider: 'azure' })).toEqual(['azure:gpt-4o']);
  });

  test('follows provider.order before tiers; provider.ignore and provider.only remove deployments', () => {
    expect(steps({ preferences: { order: ['azure'] } })[0]).toBe('azure:gpt-4o');
    expect(steps({ preferences: { ignore: ['openai'] } })).toEqual(['azure:gpt-4o', 'groq:llama-3.3']);
    expect(steps({ preferences: { only: ['groq'] } })).toEqual(['groq:llama-3.3']);
  });

  test('has only the first without allow_fallbacks', () => {
    expect(steps({ preferences: { allowFallbacks: false } })).toEqual(['openai:gpt-4o-2024-11-20']);
  });

  test('has the models of models[] at the end; unknown ones are skipped', () => {
    expect(steps({ model: 'llama', alternativeModels: ['nope', 'openai/o5'] })).toEqual([
      'groq:llama-3.3',
      'openai:o5',
    ]);
  });

  test('uses the part of the name that a wildcard matched', () => {
    expect(steps({ model: 'openai/gpt-9$&x' })).toEqual(['openai:gpt-9$&x']);
  });

  test('has deployments out of rotation at the end', () => {
    expect(steps({}, { cooling: ['openai/gpt-4o-2024-11-20'] })).toEqual([
      'azure:gpt-4o',
      'groq:llama-3.3',
      'openai:gpt-4o-2024-11-20',
    ]);
  });

  test('distributes the first place within a tier by weight', () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647;
    };
    const first = Array.from({ length: 4_000 }, () => steps({ model: 'spread' }, { random })[0]);
    const share = first.filter((step) => step === 'openai:a').length / first.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
  });
});

describe('why there is no plan', () => {
  test.each([
    ['an unknown model', { model: 'gpt-5' }, 'model_not_found', 'model'],
    ['an unknown provider', { pinnedProvider: 'acme' }, 'request_invalid', 'vendor'],
    ['a provider that does not have the model', { pinnedProvider: 'claude' }, 'request_invalid', 'vendor'],
    ['preferences that leave nobody', { preferences: { only: ['claude'] } }, 'request_invalid', 'provider'],
    ['a model that only speaks other protocols', { model: 'sonnet' }, 'request_invalid', 'model'],
  ])('%s', (_name, change, code, param) => {
    expect(plan(change)).toMatchObject({ code, param });
  });
});

describe('a plan also has', () => {
  const planned = (change: Partial<RouteRequest> = {}) => {
    const result = plan(change);
    if (!('steps' in result)) throw new Error(result.message);
    return result;
  };
  const names = (detour: readonly { provider: string; upstreamModel: string }[] = []) =>
    detour.map((step) => `${step.provider}:${step.upstreamModel}`);

  test('the model’s detours that can serve the request', () => {
    const { detours } = planned();
    expect(names(detours?.upstream_content_filter)).toEqual(['groq:llama-3.3']);
    expect(names(detours?.upstream_context_length)).toHaveLength(2);
  });

  test('detours that respect the request’s conditions', () => {
    const { detours } = planned({ preferences: { ignore: ['groq', 'azure'] } });
    expect(detours).toEqual({ upstream_context_length: [expect.objectContaining({ upstreamModel: 'a' })] });
    expect(planned({ preferences: { allowFallbacks: false } })).not.toHaveProperty('detours');
  });

  test('the deployments moved to the end, and why; none if all are out of rotation', () => {
    const putBack = (cooling: string[]) => {
      const result = plan({}, { cooling });
      return 'steps' in result ? result.putBack : undefined;
    };
    expect(putBack(['openai/gpt-4o-2024-11-20'])).toEqual([{ provider: 'openai', why: 'circuit' }]);
    expect(putBack([])).toBeUndefined();
    expect(putBack(['openai/gpt-4o-2024-11-20', 'azure/gpt-4o', 'groq/llama-3.3'])).toBeUndefined();
  });

  test('the accepted wait, if the model sets it', () => {
    expect(planned().waitUpToMs).toBe(500);
    expect(planned({ model: 'llama' })).toEqual({ steps: [expect.anything()] });
  });

  test('a mark on wildcard steps: their models fail separately', () => {
    expect(planned({ model: 'openai/o9' }).steps[0]).toMatchObject({ upstreamModel: 'o9', isWildcard: true });
  });
});
