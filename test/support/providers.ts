// Two simulated providers, `primary` and `secondary`, and the configuration of a broker in front of them. Commands in a
// prompt address one of them by name: `[[sim on=primary fault=503]]`.

import type { BillEntry } from '#simulator/engine/records/bill.ts';
import type { SimulatorOptions } from '#simulator/options.ts';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';

type ProviderInput = NonNullable<ConfigurationInput['providers']>[string];
type ModelInput = NonNullable<ConfigurationInput['models']>[string];
type DeploymentInput = ModelInput['deployments'][number];

export interface Providers {
  primary: Simulator;
  secondary: Simulator;
  /** What both bill for one request, by attempt number; without an id, for all of them. */
  bill(requestId?: string): BillEntry[];
  close(): Promise<void>;
}

/** The simulator's own prices: a ledger with these equals its bill. */
export const PRICE = { input: 2.5, cached_input: 1.25, output: 10 };
/** One retry, and no long wait before it. */
export const RETRIES = { max: 1, base_ms: 10, max_ms: 50 };

export async function startProviders(options: SimulatorOptions = {}): Promise<Providers> {
  const [primary, secondary] = await Promise.all([
    startSimulator({ ...options, name: 'primary' }),
    startSimulator({ ...options, name: 'secondary' }),
  ]);
  return {
    primary,
    secondary,
    bill(requestId = '') {
      const entries = [...primary.bill.entries(), ...secondary.bill.entries()];
      return entries
        .filter(({ clientRequestId }) => clientRequestId?.startsWith(requestId === '' ? '' : `${requestId}.`))
        .sort((a, b) => attemptOf(a) - attemptOf(b));
    },
    async close() {
      await Promise.all([primary.close(), secondary.close()]);
    },
  };
}

/** Sluice sends `<request id>.<attempt>`. */
export function attemptOf({ clientRequestId }: BillEntry): number {
  return Number(clientRequestId?.split('.').at(-1));
}

export function provider(simulator: Simulator, more: Partial<ProviderInput> = {}): ProviderInput {
  return {
    protocols: ['openai-chat'],
    base_url: `${simulator.url}/v1`,
    api_key: PROVIDER_KEY,
    retries: RETRIES,
    ...more,
  };
}

export const PROVIDER_KEY = 'sk-provider-0123456789abcdef';

/** `name` makes it a separate deployment, with its own circuit and limits. */
export function deployment(providerName: string, name: string, more: Partial<DeploymentInput> = {}): DeploymentInput {
  return { provider: providerName, model: name, price: PRICE, ...more };
}

/** Models `solo` (only the primary) and `pair` (the secondary when the primary fails). */
export function providerConfiguration(
  { primary, secondary }: Providers,
  primaryMore: Partial<ProviderInput> = {},
): ConfigurationInput {
  return {
    providers: { primary: provider(primary, primaryMore), secondary: provider(secondary) },
    models: {
      solo: { deployments: [deployment('primary', 'solo')] },
      pair: { deployments: [deployment('primary', 'pair'), deployment('secondary', 'pair', { tier: 2 })] },
    },
  };
}
