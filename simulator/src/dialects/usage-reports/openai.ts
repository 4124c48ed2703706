// OpenAI's usage and costs of an organization: GET /v1/organization/usage/completions, /usage/embeddings and /costs
// (developers.openai.com/api/reference, read 2026-11-28).
import { formatUsd } from '../../../../src/contracts/money.ts';
import type { BillEntry } from '../../engine/records/bill.ts';
import { invalid } from '../../engine/refusal.ts';
import type { Dialect, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { encodeOpenaiRefusal } from '../openai/refusals.ts';
import { json } from '../openai-batches/json-answer.ts';
import { type Bucket, inGroups, listIn, type Page, readPage, type Span, sumOf, WIDTHS } from './report-query.ts';

export const openaiUsageDialect: Dialect = {
  name: 'openai-usage',
  route,
  readCredential: readBearer,
  encodeRefusal: encodeOpenaiRefusal,
  answerHeaders: openaiHeaders,
};

const USAGE_PATH = /^\/v1\/organization\/usage\/(completions|embeddings)$/;

function route({ method, path }: RequestHead): LookupRoute | null {
  if (method !== 'GET') return null;
  if (path === '/v1/organization/costs') return { kind: 'lookup', isAdministration: true, answer: answerCosts };
  const [, what] = USAGE_PATH.exec(path) ?? [];
  return what === undefined
    ? null
    : { kind: 'lookup', isAdministration: true, answer: (context) => answerUsage(context, what) };
}

const USAGE_GROUPS = ['project_id', 'user_id', 'api_key_id', 'model', 'batch', 'service_tier', 'api_source'];
const COST_GROUPS = ['project_id', 'line_item', 'api_key_id'];
const MOST_COST_DAYS = 180;

function answerUsage({ head, bill }: LookupContext, what: string): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const groups = readGroups(query, USAGE_GROUPS);
  const [models, keys] = [listIn(query, 'models'), listIn(query, 'api_key_ids')];
  const isAsked = (entry: BillEntry) =>
    isOf(entry, what) &&
    (models.length === 0 || models.includes(entry.model)) &&
    (keys.length === 0 || keys.includes(keyIdOf(entry) ?? ''));
  const page = pageOf(query, bill.entries().filter(isAsked), WIDTHS);
  return encodePage(page, ({ entries }) =>
    inGroups(entries, (entry) => groupOf(entry, groups)).map(({ group, entries: grouped }) => ({
      object: `organization.usage.${what}.result`,
      input_tokens: sumOf(grouped, ({ usage }) => usage.inputTokens),
      ...(what === 'embeddings'
        ? {}
        : {
            output_tokens: sumOf(grouped, ({ usage }) => usage.outputTokens),
            input_cached_tokens: sumOf(grouped, ({ usage }) => usage.cachedInputTokens),
            input_audio_tokens: sumOf(grouped, ({ usage }) => usage.inputMedia?.audio ?? 0),
            output_audio_tokens: sumOf(grouped, ({ usage }) => usage.outputMedia?.audio ?? 0),
          }),
      num_model_requests: grouped.length,
      ...group,
    })),
  );
}

function isOf({ protocol }: BillEntry, what: string): boolean {
  if (what === 'embeddings') return protocol === 'openai-embeddings';
  return protocol.startsWith('openai-') && protocol !== 'openai-embeddings';
}

/** The key id in OpenAI's form, derived from the key's digest, since the bill does not hold the key. */
function keyIdOf({ keyDigest }: BillEntry): string | null {
  return keyDigest === null ? null : `key_${keyDigest}`;
}

function groupOf(entry: BillEntry, groups: readonly string[]) {
  const has = (name: string) => groups.includes(name);
  return {
    project_id: has('project_id') ? 'proj_simulator' : null,
    user_id: null,
    api_key_id: has('api_key_id') ? keyIdOf(entry) : null,
    model: has('model') ? entry.model : null,
    batch: has('batch') ? entry.isBatch === true : null,
    service_tier: has('service_tier') ? (entry.usage.serviceTier ?? 'default') : null,
  };
}

/** Names of a call's line items. */
const LINE_ITEMS = {
  input: 'input',
  cachedInput: 'cached input',
  cacheWrite: 'cache write',
  output: 'output',
} as const;

function answerCosts({ head, bill }: LookupContext): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const groups = readGroups(query, COST_GROUPS);
  const keys = listIn(query, 'api_key_ids');
  const entries = bill
    .entries()
    .filter(
      (entry) => entry.protocol.startsWith('openai-') && (keys.length === 0 || keys.includes(keyIdOf(entry) ?? '')),
    );
  const page = pageOf(query, entries, { '1d': { ...WIDTHS['1d']!, most: MOST_COST_DAYS } });
  return encodePage(page, (bucket) => costsOf(bucket, groups, bill));
}

function costsOf({ entries }: Bucket, groups: readonly string[], bill: LookupContext['bill']) {
  const sums = new Map<string, { group: object; pico: bigint }>();
  for (const entry of entries) {
    for (const [part, pico] of Object.entries(bill.partsOf(entry))) {
      if (pico === 0n) continue;
      const group = {
        line_item: groups.includes('line_item')
          ? `${entry.model}, ${LINE_ITEMS[part as keyof typeof LINE_ITEMS]}`
          : null,
        project_id: groups.includes('project_id') ? 'proj_simulator' : null,
        api_key_id: groups.includes('api_key_id') ? keyIdOf(entry) : null,
      };
      const name = JSON.stringify(group);
      sums.set(name, { group, pico: (sums.get(name)?.pico ?? 0n) + pico });
    }
  }
  return [...sums.values()].map(({ group, pico }) => ({
    object: 'organization.costs.result',
    amount: { value: Number(formatUsd(pico)), currency: 'usd' },
    ...group,
  }));
}

function readGroups(query: URLSearchParams, known: readonly string[]): string[] {
  const groups = listIn(query, 'group_by');
  const unknown = groups.find((name) => !known.includes(name));
  if (unknown === undefined) return groups;
  throw invalid(`Invalid value: '${unknown}'. Supported values are: ${known.join(', ')}.`, 'group_by', 'invalid_value');
}

function pageOf(query: URLSearchParams, entries: readonly BillEntry[], widths: typeof WIDTHS): Page {
  const startS = readWhole(query, 'start_time');
  if (startS === null) throw invalid("Missing required parameter: 'start_time'.", 'start_time');
  const width = widths[query.get('bucket_width') ?? '1d'];
  if (width === undefined)
    throw invalid(`Invalid bucket_width. Supported: ${Object.keys(widths).join(', ')}.`, 'bucket_width');
  const limit = readWhole(query, 'limit') ?? width.usual;
  if (limit < 1 || limit > width.most) throw invalid(`limit must be between 1 and ${width.most}.`, 'limit');
  const endS = readWhole(query, 'end_time');
  const span: Span = {
    startMs: startS * 1_000,
    endMs: endS === null ? Date.now() : endS * 1_000,
    widthMs: width.ms,
    limit,
  };
  return readPage(entries, span, readCursor(query) ?? span.startMs);
}

function readWhole(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null || text === '') return null;
  if (!/^\d{1,12}$/.test(text)) throw invalid(`Invalid type for '${name}': expected an integer.`, name, 'invalid_type');
  return Number(text);
}

function readCursor(query: URLSearchParams): number | null {
  const page = query.get('page');
  if (page === null || page === '') return null;
  const ms = Number(Buffer.from(page.replace(/^page_/, ''), 'base64url').toString());
  if (!Number.isSafeInteger(ms) || ms <= 0) throw invalid(`Invalid page: '${page}'.`, 'page', 'invalid_value');
  return ms;
}

function encodePage({ buckets, nextMs }: Page, results: (bucket: Bucket) => object[]): EncodedAnswer {
  return json({
    object: 'page',
    data: buckets.map((bucket) => ({
      object: 'bucket',
      start_time: bucket.startMs / 1_000,
      end_time: bucket.endMs / 1_000,
      results: results(bucket),
    })),
    has_more: nextMs !== null,
    next_page: nextMs === null ? null : `page_${Buffer.from(String(nextMs)).toString('base64url')}`,
  });
}
