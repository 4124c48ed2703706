// Searches requests in the ledger, newest first, page by page. A page scans at most SCANNED requests by the time index, whatever
// the filter, and rare matches are found on later pages. So no search keeps SQL busy for long, and other columns need no index.
import { sql } from 'kysely';
import { asBigint, asNumber, type Database } from '../storage/database.ts';

export interface RequestFilter {
  keyId?: string;
  /** `*` stands for anything. */
  model?: string;
  provider?: string;
  /** A failure code, `ok`, or `failed` for any failure. */
  outcome?: string;
  /** One of its tags. */
  tag?: string;
  lane?: string;
  protocol?: string;
  isStream?: boolean;
  /** Unix ms of acceptance; `fromMs` inclusive, `toMs` exclusive. */
  fromMs?: number;
  toMs?: number;
  minCostPicoUsd?: bigint;
  minDurationMs?: number;
  /** More than one attempt. */
  isRetried?: boolean;
}

/** A position between two requests: those accepted before it come next. */
export interface RequestPosition {
  acceptedAtMs: number;
  requestId: string;
}

export interface FoundRequest {
  requestId: string;
  keyId: string;
  model: string;
  provider: string | null;
  upstreamModel: string | null;
  protocol: string;
  lane: string;
  isStream: boolean;
  outcome: string;
  acceptedAtMs: number;
  finishedAtMs: number;
  attempts: number;
  tags: string[];
  costPicoUsd: bigint;
  inputTokens: number;
  outputTokens: number;
  /** From acceptance to the first byte of the answer; null if there was no answer. */
  firstByteMs: number | null;
}

export interface FoundPage {
  requests: FoundRequest[];
  /** Where the next page starts; null at the end. A page may be empty although later ones are not. */
  next: RequestPosition | null;
}

const SCANNED = 10_000;

export async function searchRequests(
  database: Database,
  filter: RequestFilter,
  limit: number,
  after?: RequestPosition,
): Promise<FoundPage> {
  const scanned = scan(database, filter, after);
  const rows = await filtered(database, outlined(scanned).limit(scansFor(filter, limit)), filter)
    .selectAll()
    .orderBy('accepted_at', 'desc')
    .orderBy('request_id', 'desc')
    .limit(limit)
    .execute();
  const requests = await withAttempts(
    database,
    rows.map((row) => ({
      requestId: row.request_id,
      keyId: row.key_id,
      model: row.model,
      provider: row.provider,
      upstreamModel: row.upstream_model,
      protocol: row.protocol,
      lane: row.lane,
      isStream: asNumber(row.is_stream) === 1,
      outcome: row.outcome,
      acceptedAtMs: asNumber(row.accepted_at),
      finishedAtMs: asNumber(row.finished_at),
      attempts: asNumber(row.attempts),
      tags: row.tags?.split(',').filter((tag) => tag !== '') ?? [],
      costPicoUsd: asBigint(row.cost_pico_usd),
    })),
  );
  const last = requests.at(-1);
  if (requests.length === limit && last !== undefined) {
    return { requests, next: { acceptedAtMs: last.acceptedAtMs, requestId: last.requestId } };
  }
  const end = await scanned
    .select(['accepted_at', 'request_id'])
    .limit(1)
    .offset(SCANNED - 1)
    .executeTakeFirst();
  const next = end === undefined ? null : { acceptedAtMs: asNumber(end.accepted_at), requestId: end.request_id };
  return { requests, next };
}

const COLUMNS = [
  ...(['request_id', 'key_id', 'model', 'provider', 'upstream_model', 'protocol', 'lane', 'is_stream'] as const),
  ...(['outcome', 'accepted_at', 'finished_at', 'attempts', 'cost_pico_usd', 'tags'] as const),
] as const;

/** Without filters other than time every request matches, so that only one page is scanned. */
function scansFor({ fromMs: _, toMs: __, ...others }: RequestFilter, limit: number): number {
  return Object.keys(others).length === 0 ? limit : SCANNED;
}

function scan(database: Database, { fromMs, toMs }: RequestFilter, after: RequestPosition | undefined) {
  let query = database.selectFrom('requests').orderBy('accepted_at', 'desc').orderBy('request_id', 'desc');
  if (fromMs !== undefined) query = query.where('accepted_at', '>=', fromMs);
  if (toMs !== undefined) query = query.where('accepted_at', '<', toMs);
  if (after === undefined) return query;
  const { acceptedAtMs, requestId } = after;
  return query.where(sql<boolean>`(accepted_at, request_id) < (${acceptedAtMs}, ${requestId})`);
}

function outlined(query: ReturnType<typeof scan>) {
  return query.select(COLUMNS);
}

type Scanned = ReturnType<typeof outlined>;

function filtered(database: Database, scanned: Scanned, filter: RequestFilter) {
  const { keyId, model, provider, outcome, tag, lane, protocol, isStream, minCostPicoUsd, minDurationMs, isRetried } =
    filter;
  let query = database.selectFrom(scanned.as('requests'));
  if (keyId !== undefined) query = query.where('key_id', '=', keyId);
  if (model !== undefined)
    query = query.where(sql<boolean>`lower(model) like ${likePattern(model.toLowerCase())} escape '\\'`);
  if (provider !== undefined) query = query.where('provider', '=', provider);
  if (outcome === 'failed') query = query.where('outcome', '!=', 'ok');
  else if (outcome !== undefined) query = query.where('outcome', '=', outcome);
  if (tag !== undefined) query = query.where(sql<boolean>`replace(tags, ${`,${tag},`}, '') <> tags`);
  if (lane !== undefined) query = query.where('lane', '=', lane);
  if (protocol !== undefined) query = query.where('protocol', '=', protocol);
  if (isStream !== undefined) query = query.where('is_stream', '=', isStream ? 1 : 0);
  if (minCostPicoUsd !== undefined)
    query = query.where(sql<boolean>`cost_pico_usd >= ${sql.raw(minCostPicoUsd.toString())}`);
  if (minDurationMs !== undefined) query = query.where(sql<boolean>`finished_at - accepted_at >= ${minDurationMs}`);
  if (isRetried === true) query = query.where('attempts', '>', 1);
  return query;
}

function likePattern(text: string): string {
  return escapeLike(text).replaceAll('*', '%');
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

type Outlined = Omit<FoundRequest, 'inputTokens' | 'outputTokens' | 'firstByteMs'>;

/** Adds tokens and time of the first byte, which are stored per attempt. */
async function withAttempts(database: Database, found: Outlined[]): Promise<FoundRequest[]> {
  if (found.length === 0) return [];
  const ids = found.map(({ requestId }) => requestId);
  const rows = await database
    .selectFrom('ledger_entries')
    .where('request_id', 'in', ids)
    .select((row) => [
      'request_id',
      row.fn.sum('input_tokens').as('input'),
      row.fn.sum('output_tokens').as('output'),
      sql<unknown>`min(case when outcome = 'ok' then queue_ms + first_byte_ms end)`.as('first'),
    ])
    .groupBy('request_id')
    .execute();
  const sums = new Map(rows.map((row) => [row.request_id, row]));
  return found.map((request) => {
    const sum = sums.get(request.requestId);
    return {
      ...request,
      inputTokens: asNumber(sum?.input ?? 0),
      outputTokens: asNumber(sum?.output ?? 0),
      firstByteMs: sum?.first == null ? null : asNumber(sum.first),
    };
  });
}
