// Reads a provider's usage and costs from its administration API, page by page.
import { request } from 'undici';
import type { UsageApi } from '../../config/price-schema.ts';
import { addReport, readBuckets, type UsageReport } from './usage-report.ts';

export interface ReportSource {
  kind: UsageApi;
  /** The provider's base URL, as configured. */
  baseUrl: string;
  adminKey: string;
}

/** Days in UTC, both included. */
export interface DaySpan {
  from: string;
  to: string;
}

const TIMEOUT_MS = 30_000;
/** A page covers a month, so that this allows years, but not a server that never ends. */
const MAX_PAGES = 200;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** Rejects with a readable error: the address and the cause, never the key. */
export async function fetchReport({ kind, baseUrl, adminKey }: ReportSource, span: DaySpan): Promise<UsageReport> {
  const root = baseUrl.replace(/\/+$/, '');
  const { paths, headers, pageQuery } = APIS[kind];
  const report: UsageReport = { usage: [], costs: [], hasCosts: true };
  for (const [path, query] of paths(span)) {
    let page: string | undefined;
    for (let count = 0; ; count++) {
      if (count === MAX_PAGES) throw new Error(`${path} has more than ${MAX_PAGES} pages`);
      const address = `${root}${path}?${new URLSearchParams([...query, ...pageQuery(page)])}`;
      const answer = await fetchPage(address, headers(adminKey));
      addReport(report, readBuckets(answer));
      if (answer.has_more !== true || typeof answer.next_page !== 'string') break;
      page = answer.next_page;
    }
  }
  return report;
}

interface Answer {
  has_more?: unknown;
  next_page?: unknown;
}

async function fetchPage(address: string, headers: Record<string, string>): Promise<Answer> {
  const place = address.split('?')[0]!;
  try {
    const { statusCode, body } = await request(address, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await textOf(body);
    if (statusCode !== 200) throw new Error(`responded with ${statusCode}: ${messageIn(text)}`);
    return JSON.parse(text) as Answer;
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
  }
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the response is larger than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function messageIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    if (typeof error?.message === 'string') return error.message.slice(0, 300);
  } catch {
    // Not JSON, such as a proxy's error page.
  }
  return text.slice(0, 300);
}

type Query = [string, string][];

interface Api {
  paths(span: DaySpan): [path: string, query: Query][];
  headers(key: string): Record<string, string>;
  pageQuery(page: string | undefined): Query;
}

const pageQuery = (page: string | undefined): Query => (page === undefined ? [] : [['page', page]]);

const APIS: Readonly<Record<UsageApi, Api>> = {
  openai: {
    paths({ from, to }) {
      const seconds = (day: string, plusMs: number) => String((Date.parse(day) + plusMs) / 1_000);
      const times: Query = [
        ['start_time', seconds(from, 0)],
        ['end_time', seconds(to, DAY_MS)],
        ['bucket_width', '1d'],
        ['group_by', 'api_key_id'],
      ];
      const usage: Query = [...times, ['group_by', 'model'], ['limit', '31']];
      return [
        ['/organization/usage/completions', usage],
        ['/organization/usage/embeddings', usage],
        ['/organization/costs', [...times, ['group_by', 'line_item'], ['limit', '180']]],
      ];
    },
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    pageQuery,
  },
  anthropic: {
    paths({ from, to }) {
      const times: Query = [
        ['starting_at', `${from}T00:00:00Z`],
        ['ending_at', new Date(Date.parse(to) + DAY_MS).toISOString().replace('.000Z', 'Z')],
        ['bucket_width', '1d'],
        ['limit', '31'],
      ];
      return [
        ['/v1/organizations/usage_report/messages', [...times, ['group_by[]', 'model'], ['group_by[]', 'api_key_id']]],
        ['/v1/organizations/cost_report', [...times, ['group_by[]', 'description']]],
      ];
    },
    headers: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
    pageQuery,
  },
};
