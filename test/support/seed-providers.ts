// The providers behind the examples of other brokers' documentation: every model name in them, answered by a provider of any
// protocol. The examples run as printed, except for the address and the key.
import { afterAll, beforeAll } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from './broker.ts';
import { deployment } from './providers.ts';

/** In the order in which they are called; the names that the documents pin. */
export const SEED_PROVIDERS = ['openai', 'azure', 'anthropic', 'google'] as const;
export type SeedProvider = (typeof SEED_PROVIDERS)[number];

const SPOKEN = {
  openai: { protocols: ['openai-chat' as const], path: '/v1', model: 'gpt-4o' },
  azure: { protocols: ['openai-responses' as const], path: '/v1', model: 'gpt-4.1' },
  anthropic: { protocols: ['anthropic-messages' as const], path: '', model: 'claude-sonnet-4-20250514' },
  google: { protocols: ['gemini-generate-content' as const], path: '', model: 'gemini-2.5-flash' },
};

/** As the documents print them. */
const PRINTED_MODELS = ['gpt-4o', 'openai/gpt-4o-mini', 'your-enabled-model'];
/** These belong to one provider. */
const OWN_MODELS: Partial<Record<SeedProvider, string[]>> = {
  anthropic: ['claude-sonnet-4-20250514'],
  google: ['gemini-2.5-flash', 'gemini-2.5-flash-image'],
};

export interface SeedProviders {
  broker: TestBroker;
  simulators: Record<SeedProvider, Simulator>;
  /** From now on the printed models are answered by this one: all before it are away. */
  answerBy(name: SeedProvider): void;
  /** The example with this broker's address instead of the documented one, and a key instead of a placeholder. */
  localise(example: string): string;
}

const DOCUMENTED_HOSTS =
  /https:\/\/(?:costrouter\.ai|api\.imagerouter\.io|omnirouters\.com|api\.yourouter\.ai)(?=\/v1)/g;
const PLACEHOLDER_KEYS = /YOUR_API_KEY|sk-xxxx/g;

/** For the whole of a test file. */
export function useSeedProviders(): SeedProviders {
  const vendors = {
    answerBy(name) {
      const before = SEED_PROVIDERS.indexOf(name);
      for (const [index, other] of SEED_PROVIDERS.entries()) {
        vendors.simulators[other].faults.replace(index < before ? ['503'] : []);
      }
    },
    localise: (example) =>
      example.replaceAll(DOCUMENTED_HOSTS, vendors.broker.url).replaceAll(PLACEHOLDER_KEYS, TEST_KEY),
  } as SeedProviders;
  beforeAll(async () => {
    const started = await Promise.all(SEED_PROVIDERS.map((name) => startSimulator({ name, tokens: 12 })));
    vendors.simulators = Object.fromEntries(
      SEED_PROVIDERS.map((name, index) => [name, started[index]!]),
    ) as SeedProviders['simulators'];
    vendors.broker = await startBroker({
      configuration: { server: { deadline_ms: 20_000 }, providers: providersOf(vendors), models: modelsOf() },
    });
  });
  afterAll(async () => {
    await vendors.broker?.stop();
    await Promise.all(Object.values(vendors.simulators ?? {}).map((simulator) => simulator.close()));
  });
  return vendors;
}

function providersOf({ simulators }: SeedProviders) {
  return Object.fromEntries(
    SEED_PROVIDERS.map((name) => [
      name,
      {
        protocols: SPOKEN[name].protocols,
        base_url: simulators[name].url + SPOKEN[name].path,
        api_key: 'sk-provider-0123456789abcdef',
        retries: { max: 0 },
        // Being away is how the next provider is chosen; it must not outlast a test.
        circuit: { failures: 1_000 },
      },
    ]),
  );
}

function modelsOf() {
  const shared = PRINTED_MODELS.map((name) => {
    const deployments = SEED_PROVIDERS.map((provider, index) =>
      deployment(provider, SPOKEN[provider].model, { id: `${provider}/${name}`, tier: index + 1 }),
    );
    return [name, { deployments }] as const;
  });
  const own = Object.entries(OWN_MODELS).flatMap(([provider, names]) =>
    names.map((name) => [name, { deployments: [deployment(provider, name, { id: `own/${name}` })] }] as const),
  );
  return Object.fromEntries([...shared, ...own]);
}
