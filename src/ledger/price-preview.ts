// Computes what the ledger's calls would have cost under another price list, beside what was booked and what the current list
// yields. The ledger keeps tokens, service tiers and tool calls, but not audio, images, one-hour cache entries or costs reported
// by providers: those are part of `booked` only.
import type { Catalogue } from '../config/catalogue.ts';
import type { CostDetails } from '../contracts/ledger-entry.ts';
import { costOf, type PicoUsd, type Price, parseUsd } from '../contracts/money.ts';
import { NO_USAGE, type Usage } from '../contracts/usage.ts';
import type { Database } from '../storage/database.ts';
import { type ExportedRow, exportRows } from './export.ts';

/** A price list at a point in time. */
export interface PriceList {
  catalogue: Catalogue;
  at: Date;
}

/** `new` and `missing`: only one of the lists has a price. `none`: neither has. */
export type PriceChange = 'same' | 'changed' | 'new' | 'missing' | 'none';

export interface PreviewRate {
  name: string;
  /** What the amounts are for: a token, or a call (of the model, or of a tool that the provider runs). */
  unit: 'token' | 'call';
  /** Picodollars; null if the list lacks the rate. */
  old: PicoUsd | null;
  new: PicoUsd | null;
}

export interface PreviewRow {
  deployment: string;
  model: string;
  change: PriceChange;
  /** Rates that differ. */
  rates: PreviewRate[];
  attempts: number;
  /** Cost in the ledger. */
  booked: PicoUsd;
  byOld: PicoUsd;
  byNew: PicoUsd;
}

export interface PreviewOptions {
  old: PriceList;
  next: PriceList;
  /** First day, UTC. */
  from: string;
}

/** Streams the ledger; memory grows only with the rows of the result. */
export async function previewPrices(database: Database, { old, next, from }: PreviewOptions): Promise<PreviewRow[]> {
  const rows = new Map<string, PreviewRow>();
  const rowOf = (deployment: string, model: string) => {
    const key = `${deployment} ${model}`;
    let row = rows.get(key);
    if (row === undefined) {
      row = newRow(deployment, model, old, next);
      rows.set(key, row);
    }
    return row;
  };
  for (const [id, { upstreamModel }] of [...old.catalogue.deployments, ...next.catalogue.deployments]) {
    if (!upstreamModel.includes('*')) rowOf(id, upstreamModel);
  }
  for await (const entry of exportRows(database, 'attempt', { from })) {
    addEntry(rowOf(String(entry.deployment), String(entry.upstream_model)), entry, old, next);
  }
  return [...rows.values()].sort((a, b) => Number(apart(b) - apart(a)) || (a.deployment < b.deployment ? -1 : 1));
}

function apart({ byOld, byNew }: PreviewRow): bigint {
  return byNew > byOld ? byNew - byOld : byOld - byNew;
}

function newRow(deployment: string, model: string, old: PriceList, next: PriceList): PreviewRow {
  const [before, after] = [priceIn(old, deployment, model, 0, false), priceIn(next, deployment, model, 0, false)];
  const rates = before === null || after === null ? [] : differentRates(before, after);
  return {
    deployment,
    model,
    change: changeOf(before, after, rates.length > 0),
    rates,
    attempts: 0,
    booked: 0n,
    byOld: 0n,
    byNew: 0n,
  };
}

function changeOf(before: Price | null, after: Price | null, isDifferent: boolean): PriceChange {
  if (before === null) return after === null ? 'none' : 'new';
  if (after === null) return 'missing';
  return isDifferent ? 'changed' : 'same';
}

/** Base and tool rates only: those of service tiers and long prompts usually change along, and show in the sums. */
function differentRates(before: Price, after: Price): PreviewRate[] {
  const { tools: oldTools = {}, tiers: _, unknown: __, request: oldRequest, ...oldTokens } = before;
  const { tools: newTools = {}, tiers: ___, unknown: ____, request: newRequest, ...newTokens } = after;
  return [
    ...differing('token', oldTokens, newTokens),
    ...differing('call', { request: oldRequest, ...oldTools }, { request: newRequest, ...newTools }),
  ];
}

type Rates = Readonly<Record<string, PicoUsd | undefined>>;

function differing(unit: PreviewRate['unit'], old: Rates, next: Rates): PreviewRate[] {
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((name) => old[name] !== next[name])
    .map((name) => ({ name, unit, old: old[name] ?? null, new: next[name] ?? null }));
}

function priceIn(
  { catalogue, at }: PriceList,
  deployment: string,
  model: string,
  inputTokens: number,
  isNative: boolean,
): Price | null {
  const found = catalogue.deployments.get(deployment);
  if (found === undefined) return null;
  return isNative
    ? catalogue.batchPriceOf(found, model, inputTokens, at)
    : catalogue.priceOf(found, model, inputTokens, at);
}

function addEntry(row: PreviewRow, entry: ExportedRow, old: PriceList, next: PriceList): void {
  const { usage, isUnpriced } = usageOf(entry);
  const booked = parseUsd(String(entry.cost_usd));
  const isNative = isNativeLine(entry, old.catalogue);
  const cost = (list: PriceList) => {
    const price = priceIn(list, row.deployment, row.model, usage.inputTokens, isNative);
    return price === null ? 0n : costOf(usage, price);
  };
  row.attempts += 1;
  row.booked += booked;
  const byOld = cost(old);
  // A priced call that cost nothing was not billed, such as a refusal.
  if (booked === 0n && (byOld > 0n || entry.outcome !== 'ok') && !isUnpriced) return;
  row.byOld += byOld;
  row.byNew += cost(next);
}

function usageOf(entry: ExportedRow): { usage: Usage; isUnpriced: boolean } {
  const details = (typeof entry.details === 'string' ? JSON.parse(entry.details) : {}) as CostDetails;
  const { serviceTier, toolCalls, unpriced = [] } = details;
  const usage: Usage = {
    ...NO_USAGE,
    inputTokens: Number(entry.input_tokens),
    cachedInputTokens: Number(entry.cached_input_tokens),
    cacheWriteTokens: Number(entry.cache_write_tokens),
    outputTokens: Number(entry.output_tokens),
    reasoningTokens: Number(entry.reasoning_tokens),
    ...(serviceTier === undefined ? {} : { serviceTier }),
    ...(toolCalls === undefined ? {} : { toolCalls }),
  };
  return { usage, isUnpriced: unpriced.length > 0 };
}

/** Lines in a provider's own batch API: their answers have no time of the first byte. */
function isNativeLine({ lane, first_byte_ms: firstByteMs, deployment }: ExportedRow, catalogue: Catalogue): boolean {
  const isNative = catalogue.deployments.get(String(deployment))?.hasNativeBatches === true;
  return isNative && lane === 'batch' && firstByteMs === null;
}
