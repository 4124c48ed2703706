// Vendors whose own batches are used, one for each protocol, and the broker's configuration in front of them.
import { expect } from 'vitest';
import type { ConfigurationInput } from '#src/config/schema.ts';
import type { SimulatorOptions } from '#src/simulator/options.ts';
import { type Simulator, startSimulator } from '#src/simulator/simulator.ts';
import { chatLine } from './batches.ts';
import type { LedgerRow } from './ledger.ts';
import { PRICE, RETRIES, VENDOR_KEY } from './vendors.ts';

type Native = NonNullable<NonNullable<ConfigurationInput['batches']>['native']>;

export const VENDORS = ['openai', 'anthropic', 'gemini'] as const;
export type VendorName = (typeof VENDORS)[number];
export type NativeVendors = Record<VendorName, Simulator>;

const PROTOCOLS = {
  openai: 'openai-chat',
  anthropic: 'anthropic-messages',
  gemini: 'gemini-generate-content',
} as const;

/** Everything happens in a fraction of a second. */
export const QUICK: Native = { poll_ms: 100, max_poll_ms: 200, cancel_ms: 1_500, lines_per_second: 100 };

export async function startNativeVendors(options: SimulatorOptions = {}): Promise<NativeVendors> {
  const start = (name: VendorName) => startSimulator({ tokens: 6, batchMs: 300, name, ...options });
  const [openai, anthropic, gemini] = await Promise.all(VENDORS.map(start));
  return { openai: openai!, anthropic: anthropic!, gemini: gemini! };
}

export async function closeVendors(vendors: NativeVendors | undefined): Promise<void> {
  await Promise.all(Object.values(vendors ?? {}).map((simulator) => simulator.close()));
}

/** A model by each vendor's name, through its own batches. */
export function nativeConfiguration(vendors: NativeVendors, native: Native = QUICK): ConfigurationInput {
  const provider = (name: VendorName) => ({
    protocols: [PROTOCOLS[name]],
    base_url: name === 'openai' ? `${vendors[name].url}/v1` : vendors[name].url,
    api_key: VENDOR_KEY,
    retries: RETRIES,
  });
  const deployment = (name: VendorName) => ({
    provider: name,
    model: `${name}-1`,
    price: PRICE,
    batch: 'native' as const,
  });
  return {
    providers: Object.fromEntries(VENDORS.map((name) => [name, provider(name)])),
    models: Object.fromEntries(VENDORS.map((name) => [name, { deployments: [deployment(name)] }])),
    batches: { native },
  };
}

export function nativeLines(vendor: VendorName, prompts: readonly string[]): string {
  return prompts.map((prompt, index) => chatLine({ customId: `line-${index}`, model: vendor, prompt })).join('\n');
}

export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `Line ${index}.`);
}

export function lineIds(count: number): string[] {
  return numbered(count).map((_, index) => `line-${index}`);
}

/** Line by line, to the picodollar: a line of a batch is billed by its request id, a call by its attempt's. */
export function expectLedgerEqualsBatchBill(rows: readonly LedgerRow[], vendors: NativeVendors): void {
  const written = rows
    .filter(({ costPicoUsd }) => costPicoUsd > 0n)
    .map(({ requestId, attempt, costPicoUsd }) => `${requestId}.${attempt}: ${costPicoUsd}`);
  const billed = Object.values(vendors)
    .flatMap((simulator) => simulator.bill.entries())
    .map(({ clientRequestId: id, isBatch, costPicoUsd }) => `${isBatch ? `${id}.1` : id}: ${costPicoUsd}`);
  expect(written.sort()).toEqual(billed.sort());
}
