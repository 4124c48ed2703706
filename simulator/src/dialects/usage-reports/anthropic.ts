// Anthropic's usage and cost reports of an organization: GET /v1/organizations/usage_report/messages and /cost_report
// (platform.claude.com/docs/en/api/admin, read 2026-11-28). Amounts are decimal texts in cents.
import { formatUsd } from '../../../../src/contracts/money.ts';
import type { BillEntry } from '../../engine/records/bill.ts';
import { invalid } from '../../engine/refusal.ts';
import { anthropicHeaders, readAnthropicKey } from '../anthropic-messages/headers.ts';
import { encodeAnthropicRefusal } from '../anthropic-messages/refusals.ts';
import type { Dialect, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { json } from '../openai-batches/json-answer.ts';
import { type Bucket, inGroups, listIn, type Page, readPage, sumOf, WIDTHS } from './report-query.ts';

export const anthropicUsageDialect: Dialect = {
  name: 'anthropic-usage',
  route,
  readCredential: readAnthropicKey,
  encodeRefusal: encodeAnthropicRefusal,
  answerHeaders: anthropicHeaders,
};

function route({ method, path }: RequestHead): LookupRoute | null {
  if (method !== 'GET') return null;
  const answer = ANSWERS[path];
  return answer === undefined ? null : { kind: 'lookup', isAdministration: true, answer };
}

const ANSWERS: Readonly<Record<string, LookupRoute['answer']>> = {
  '/v1/organizations/usage_report/messages': answerUsage,
  '/v1/organizations/cost_report': answerCosts,
};

const USAGE_GROUPS = ['api_key_id', 'workspace_id', 'model', 'service_tier', 'context_window', 'inference_geo'];

function answerUsage({ head, bill }: LookupContext): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const groups = readGroups(query, USAGE_GROUPS);
  const [models, keys] = [listIn(query, 'models'), listIn(query, 'api_key_ids')];
  const isAsked = (entry: BillEntry) =>
    isOwn(entry) &&
    (models.length === 0 || models.includes(entry.model)) &&
    (keys.length === 0 || keys.includes(keyIdOf(entry) ?? ''));
  return encodePage(pageOf(query, bill.entries().filter(isAsked), WIDTHS), ({ entries }) =>
    inGroups(entries, (entry) => groupOf(entry, groups)).map(({ group, entries: grouped }) => usageOf(grouped, group)),
  );
}

function usageOf(entries: readonly BillEntry[], group: object) {
  const long = sumOf(entries, ({ usage }) => usage.longCacheWriteTokens ?? 0);
  return {
    uncached_input_tokens: sumOf(
      entries,
      ({ usage }) => usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens,
    ),
    cache_creation: {
      ephemeral_1h_input_tokens: long,
      ephemeral_5m_input_tokens: sumOf(entries, ({ usage }) => usage.cacheWriteTokens) - long,
    },
    cache_read_input_tokens: sumOf(entries, ({ usage }) => usage.cachedInputTokens),
    output_tokens: sumOf(entries, ({ usage }) => usage.outputTokens),
    server_tool_use: { web_search_requests: sumOf(entries, ({ usage }) => usage.toolCalls?.web_search ?? 0) },
    ...group,
  };
}

function isOwn({ protocol }: BillEntry): boolean {
  return protocol.startsWith('anthropic-');
}

/** The key id in Anthropic's form, derived from the key's digest, since the bill does not hold the key. */
function keyIdOf({ keyDigest }: BillEntry): string | null {
  return keyDigest === null ? null : `apikey_01${keyDigest}`;
}

function groupOf(entry: BillEntry, groups: readonly string[]) {
  const has = (name: string) => groups.includes(name);
  return {
    api_key_id: has('api_key_id') ? keyIdOf(entry) : null,
    workspace_id: null,
    model: has('model') ? entry.model : null,
    service_tier: has('service_tier') ? tierOf(entry) : null,
    context_window: has('context_window') ? '0-200k' : null,
    inference_geo: null,
  };
}

function tierOf({ isBatch, usage }: BillEntry): string {
  return isBatch === true ? 'batch' : (usage.serviceTier ?? 'standard');
}

const COST_GROUPS = ['workspace_id', 'description'];

/** Parts of a call's cost: the report's token type, and the end of its description. */
const TOKEN_TYPES = {
  input: ['uncached_input_tokens', 'Input Tokens'],
  cachedInput: ['cache_read_input_tokens', 'Input Tokens, Cache Read'],
  cacheWrite: ['cache_creation.ephemeral_5m_input_tokens', 'Input Tokens, Cache Write'],
  output: ['output_tokens', 'Output Tokens'],
} as const;

function answerCosts({ head, bill }: LookupContext): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const isDescribed = readGroups(query, COST_GROUPS).includes('description');
  const page = pageOf(query, bill.entries().filter(isOwn), { '1d': WIDTHS['1d']! });
  return encodePage(page, (bucket) => costsOf(bucket, isDescribed, bill));
}

function costsOf({ entries }: Bucket, isDescribed: boolean, bill: LookupContext['bill']) {
  const sums = new Map<string, { group: object; pico: bigint }>();
  for (const entry of entries) {
    for (const [part, pico] of Object.entries(bill.partsOf(entry))) {
      if (pico === 0n) continue;
      const group = isDescribed ? describedGroup(entry, part as keyof typeof TOKEN_TYPES) : PLAIN_GROUP;
      const name = JSON.stringify(group);
      sums.set(name, { group, pico: (sums.get(name)?.pico ?? 0n) + pico });
    }
  }
  return [...sums.values()].map(({ group, pico }) => ({ currency: 'USD', amount: formatUsd(pico * 100n), ...group }));
}

const PLAIN_GROUP = {
  workspace_id: null,
  description: null,
  cost_type: null,
  context_window: null,
  model: null,
  service_tier: null,
  token_type: null,
};

function describedGroup(entry: BillEntry, part: keyof typeof TOKEN_TYPES) {
  const [tokenType, words] = TOKEN_TYPES[part];
  return {
    workspace_id: null,
    description: `${entry.model} Usage - ${words}`,
    cost_type: 'tokens',
    context_window: '0-200k',
    model: entry.model,
    service_tier: tierOf(entry),
    token_type: tokenType,
  };
}

function readGroups(query: URLSearchParams, known: readonly string[]): string[] {
  const groups = listIn(query, 'group_by');
  const unknown = groups.find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`group_by: Input should be ${known.map((name) => `'${name}'`).join(', ')}`);
  return groups;
}

function pageOf(query: URLSearchParams, entries: readonly BillEntry[], widths: typeof WIDTHS): Page {
  const startMs = readTime(query, 'starting_at');
  if (startMs === null) throw invalid('starting_at: Field required');
  const width = widths[query.get('bucket_width') ?? '1d'];
  if (width === undefined) throw invalid(`bucket_width: Input should be ${Object.keys(widths).join(', ')}`);
  const limit = Number(query.get('limit') ?? width.usual);
  if (!Number.isInteger(limit) || limit < 1 || limit > width.most)
    throw invalid(`limit: Input should be 1 to ${width.most}`);
  const endMs = readTime(query, 'ending_at') ?? Date.now();
  return readPage(entries, { startMs, endMs, widthMs: width.ms, limit }, readCursor(query) ?? startMs);
}

function readTime(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null || text === '') return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw invalid(`${name}: Input should be a valid datetime`);
  return ms;
}

/** `page_` and the base64 of the page's start time, in Anthropic's form. */
function readCursor(query: URLSearchParams): number | null {
  const page = query.get('page');
  if (page === null || page === '') return null;
  const ms = Date.parse(Buffer.from(page.replace(/^page_/, ''), 'base64').toString());
  if (Number.isNaN(ms)) throw invalid('page: Invalid page token');
  return ms;
}

function encodePage({ buckets, nextMs }: Page, results: (bucket: Bucket) => object[]): EncodedAnswer {
  const time = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z');
  return json({
    data: buckets.map((bucket) => ({
      starting_at: time(bucket.startMs),
      ending_at: time(bucket.endMs),
      results: results(bucket),
    })),
    has_more: nextMs !== null,
    next_page: nextMs === null ? null : `page_${Buffer.from(time(nextMs)).toString('base64')}`,
  });
}
