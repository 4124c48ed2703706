// Providers with their own batch APIs, one for each protocol, and the configuration of a broker that uses them.
import { expect } from 'vitest';
import type { SimulatorOptions } from '#simulator/options.ts';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { chatLine } from './batches.ts';
import type { LedgerRow } from './ledger.ts';
import { PRICE, PROVIDER_KEY, RETRIES } from './providers.ts';

type Native = NonNullable<NonNullable<ConfigurationInput['batches']>['native']>;

export const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;
export type ProviderName = (typeof PROVIDERS)[number];
export type NativeProviders = Record<ProviderName, Simulator>;

const PROTOCOLS = {
  openai: 'openai-chat',
  anthropic: 'anthropic-messages',
  gemini: 'gemini-generate-content',
} as const;

/** Everything happens in a fraction of a second. */
export const QUICK: Native = { poll_ms: 100, max_poll_ms: 200, cancel_ms: 1_500, lines_per_second: 100 };

export async function startNativeProviders(options: SimulatorOptions = {}): Promise<NativeProviders> {
  const start = (name: ProviderName) => startSimulator({ tokens: 6, batchMs: 300, name, ...options });
  const [openai, anthropic, gemini] = await Promise.all(PROVIDERS.map(start));
  return { openai: openai!, anthropic: anthropic!, gemini: gemini! };
}

export async function closeProviders(vendors: NativeProviders | undefined): Promise<void> {
  await Promise.all(Object.values(vendors ?? {}).map((simulator) => simulator.close()));
}

/** A model named after each provider, through its batch API. */
export function nativeConfiguration(vendors: NativeProviders, native: Native = QUICK): ConfigurationInput {
  const provider = (name: ProviderName) => ({
    protocols: [PROTOCOLS[name]],
    base_url: name === 'openai' ? `${vendors[name].url}/v1` : vendors[name].url,
    api_key: PROVIDER_KEY,
    retries: RETRIES,
  });
  const deployment = (name: ProviderName) => ({
    provider: name,
    model: `${name}-1`,
    price: PRICE,
    batch: 'native' as const,
  });
  return {
    providers: Object.fromEntries(PROVIDERS.map((name) => [name, provider(name)])),
    models: Object.fromEntries(PROVIDERS.map((name) => [name, { deployments: [deployment(name)] }])),
    batches: { native },
  };
}

export function nativeLines(vendor: ProviderName, prompts: readonly string[]): string {
  return prompts.map((prompt, index) => chatLine({ customId: `line-${index}`, model: vendor, prompt })).join('\n');
}

export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `Line ${index}.`);
}

export function lineIds(count: number): string[] {
  return numbered(count).map((_, index) => `line-${index}`);
}

/** Line by line, to the picodollar: a line of a batch is billed by its request id, a call by its attempt's. */
export function expectLedgerEqualsBatchBill(rows: readonly LedgerRow[], vendors: NativeProviders): void {
  const written = rows
    .filter(({ costPicoUsd }) => costPicoUsd > 0n)
    .map(({ requestId, attempt, costPicoUsd }) => `${requestId}.${attempt}: ${costPicoUsd}`);
  const billed = Object.values(vendors)
    .flatMap((simulator) => simulator.bill.entries())
    .map(({ clientRequestId: id, isBatch, costPicoUsd }) => `${isBatch ? `${id}.1` : id}: ${costPicoUsd}`);
  expect(written.sort()).toEqual(billed.sort());
}
