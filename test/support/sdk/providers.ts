// Four simulated providers, one for each protocol, and a broker in front of them, for all SDK tests. Models have their
// providers' real names, because an SDK (or the broker) may behave differently by name.
import { afterAll, beforeAll } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { startBroker, TEST_KEY, type TestBroker, type TestBrokerOptions } from '#test/support/broker.ts';
import { deployment } from '#test/support/providers.ts';
import type { Question, Sdk, SdkClient } from './sdk-client.ts';

export type ProviderName = 'chat' | 'responses' | 'anthropic' | 'google';

const PROTOCOLS = {
  chat: 'openai-chat',
  responses: 'openai-responses',
  anthropic: 'anthropic-messages',
  google: 'gemini-generate-content',
} as const;

export const PROVIDER_NAMES = Object.keys(PROTOCOLS) as ProviderName[];

export interface ProviderModel {
  model: string;
  vendor: ProviderName;
  /** Starts a prompt whose thoughts are to be shown, if no request can ask for that in the provider's protocol. */
  command: string;
  /** How its signature appears in a request that sends it back; null for models that require none. */
  proof: RegExp | null;
}

export const PROVIDER_MODELS: readonly ProviderModel[] = [
  { vendor: 'chat', model: 'gpt-4o', command: '[[sim reasoning=8 thoughts=shown]] ', proof: null },
  { vendor: 'responses', model: 'gpt-5', command: '', proof: /"encrypted_content":"gAAAA/ },
  // Thinks with a budget if requested.
  { vendor: 'anthropic', model: 'claude-sonnet-4-5', command: '', proof: /"signature":"(?!sLuIcE)\S{20}/ },
  // Thinks unless it is turned off, and shows it only if requested.
  { vendor: 'anthropic', model: 'claude-opus-5', command: '', proof: /"signature":"(?!sLuIcE)\S{20}/ },
  { vendor: 'google', model: 'gemini-2.5-flash', command: '', proof: null },
  // Requires its signatures back.
  { vendor: 'google', model: 'gemini-3-pro-preview', command: '', proof: /"thoughtSignature":"(?!sLuIcE|skip_)\S{20}/ },
];

/** Called in this order, after the previous ones have failed. */
export const CASCADE = 'cascade';
/** The same models, one deployment each, from any SDK. */
const CASCADE_MODELS = ['gpt-4o', 'claude-opus-5', 'gemini-3-pro-preview'];

export interface Providers {
  broker: TestBroker;
  simulators: Record<ProviderName, Simulator>;
  connect(sdk: Sdk, key?: string): SdkClient;
  /** What the provider was sent last. */
  lastBody(vendor: ProviderName): string;
}

/** In two processes, for some of the files. */
export const IN_TIERS = { together: false };

/** For the whole of a test file. Use what it gives inside tests and hooks only. */
export function useProviders(
  more: ConfigurationInput = {},
  processes: Pick<TestBrokerOptions, 'together'> = { together: true },
): Providers {
  const vendors = {
    connect: (sdk, key = TEST_KEY) => sdk.connect(vendors.broker.url, key),
    lastBody: (vendor) => vendors.simulators[vendor].requests().at(-1)?.body ?? '',
  } as Providers;
  beforeAll(async () => {
    const started = await Promise.all(PROVIDER_NAMES.map((name) => startSimulator({ name, tokens: 12 })));
    vendors.simulators = Object.fromEntries(PROVIDER_NAMES.map((name, index) => [name, started[index]!])) as Record<
      ProviderName,
      Simulator
    >;
    vendors.broker = await startBroker({ ...processes, configuration: { ...configurationOf(vendors), ...more } });
  });
  afterAll(async () => {
    await vendors.broker?.stop();
    await Promise.all(Object.values(vendors.simulators ?? {}).map((simulator) => simulator.close()));
  });
  return vendors;
}

function configurationOf({ simulators }: Providers): ConfigurationInput {
  return {
    server: { deadline_ms: 20_000 },
    providers: Object.fromEntries(
      PROVIDER_NAMES.map((name) => [
        name,
        {
          protocols: name === 'chat' ? (['openai-chat', 'openai-embeddings'] as const).slice() : [PROTOCOLS[name]],
          base_url: name === 'chat' || name === 'responses' ? `${simulators[name].url}/v1` : simulators[name].url,
          api_key: 'sk-provider-0123456789abcdef',
          // Faults are requested one at a time; none may keep the next test from its provider.
          retries: { max: 0 },
          circuit: { failures: 1_000, refusal_cooldown_ms: 1 },
        },
      ]),
    ),
    models: {
      ...Object.fromEntries(
        PROVIDER_MODELS.map(({ model, vendor }) => [model, { deployments: [deployment(vendor, model)] }]),
      ),
      [CASCADE]: {
        deployments: CASCADE_MODELS.map((model, index) => {
          const { vendor } = PROVIDER_MODELS.find((known) => known.model === model)!;
          return deployment(vendor, model, { tier: index + 1 });
        }),
      },
      // Two generations of one family: the second may refuse what the first accepts.
      claude: {
        deployments: ['claude-sonnet-4-5', 'claude-opus-5'].map((model, index) =>
          deployment('anthropic', model, { tier: index + 1, id: `claude/${model}` }),
        ),
      },
      embedding: { deployments: [deployment('chat', 'text-embedding-3-small')] },
    },
  };
}

export const MODES = ['ask', 'stream'] as const;
export type Mode = (typeof MODES)[number];

/** A question to a model, with what makes it show its thoughts. */
export function thinking({ model, command }: ProviderModel, prompt: string): Question {
  return { model, prompt: command + prompt, isThinking: true };
}
