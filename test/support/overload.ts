// More requests than a provider can answer: sent at a steady rate, each with a deadline, and what became of every one.
import { Agent, request } from 'undici';
import { TEST_KEY, type TestBroker } from './broker.ts';
import { waitFor } from './wait.ts';

export interface OverloadOptions {
  perSecond: number;
  durationMs: number;
  deadlineMs: number;
  body: object;
  /** Every n-th request is queried while it waits. */
  sampleEvery: number;
}

export interface Offered {
  id: string | null;
  status: number;
  retryAfterMs: number | null;
  /** The forecast that it got when it was queried while it waited. Unix ms. */
  forecast: { askedAtMs: number; startAtMs: number } | null;
}

export interface Overload {
  offered: Offered[];
  admitted: Offered[];
  refused: Offered[];
}

/** Asynchronous requests: they need no open connection, and each can be queried. */
export async function overload(broker: TestBroker, options: OverloadOptions): Promise<Overload> {
  const agent = new Agent({ connections: 64 });
  const offered: Promise<Offered>[] = [];
  const startedAtMs = Date.now();
  const total = Math.round((options.perSecond * options.durationMs) / 1_000);
  while (offered.length < total) {
    const due = Math.min(total, Math.floor(((Date.now() - startedAtMs) * options.perSecond) / 1_000));
    while (offered.length < due) offered.push(offer(broker, agent, options, offered.length));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const all = await Promise.all(offered);
  await agent.destroy();
  return {
    offered: all,
    admitted: all.filter(({ status }) => status === 202),
    refused: all.filter(({ status }) => status !== 202),
  };
}

async function offer(broker: TestBroker, agent: Agent, options: OverloadOptions, index: number): Promise<Offered> {
  const url = String(broker.apis[index % broker.apis.length]!.details.url);
  const { statusCode, headers, body } = await request(`${url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${TEST_KEY}`,
      prefer: 'respond-async',
      'x-sluice-deadline-ms': String(options.deadlineMs),
    },
    body: JSON.stringify(options.body),
  });
  const answer = (await body.json()) as { id?: string };
  const retryAfter = headers['retry-after-ms'];
  const id = statusCode === 202 ? answer.id! : null;
  const forecast = id !== null && index % options.sampleEvery === 0 ? await askForecast(url, agent, id) : null;
  return { id, status: statusCode, retryAfterMs: retryAfter === undefined ? null : Number(retryAfter), forecast };
}

/** Null for a request that did not wait, or that is in a worker at the moment. */
async function askForecast(url: string, agent: Agent, id: string): Promise<Offered['forecast']> {
  const { body } = await request(`${url}/v1/requests/${id}`, {
    dispatcher: agent,
    headers: { authorization: `Bearer ${TEST_KEY}` },
  });
  const { queue } = (await body.json()) as { queue?: { estimated_wait_ms: number | null } };
  const askedAtMs = Date.now();
  const waitMs = queue?.estimated_wait_ms;
  return waitMs === undefined || waitMs === null ? null : { askedAtMs, startAtMs: askedAtMs + waitMs };
}

export interface EndedRequest {
  id: string;
  outcome: string;
  acceptedAtMs: number;
  finishedAtMs: number;
  /** Of the first call; null if there was none. */
  startedAtMs: number | null;
}

/** Resolves when all of them have their outcome in the ledger. */
export async function endsOf(
  broker: TestBroker,
  admitted: readonly Offered[],
  limitMs: number,
): Promise<EndedRequest[]> {
  const ids = new Set(admitted.map(({ id }) => id!));
  await waitFor(
    `the end of ${ids.size} requests`,
    async () => {
      const { count } = await broker.database
        .selectFrom('requests')
        .select(({ fn }) => fn.countAll().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) < ids.size) return false;
      const rows = await broker.database.selectFrom('requests').select('request_id').execute();
      return rows.filter((row) => ids.has(row.request_id)).length === ids.size;
    },
    limitMs,
  );
  const [requests, attempts] = await Promise.all([
    broker.database.selectFrom('requests').selectAll().execute(),
    broker.database
      .selectFrom('ledger_entries')
      .select(['request_id', 'started_at'])
      .where('attempt', '=', 1)
      .execute(),
  ]);
  const starts = new Map(attempts.map((row) => [row.request_id, Number(row.started_at)]));
  return requests
    .filter((row) => ids.has(row.request_id))
    .map((row) => ({
      id: row.request_id,
      outcome: row.outcome,
      acceptedAtMs: Number(row.accepted_at),
      finishedAtMs: Number(row.finished_at),
      startedAtMs: starts.get(row.request_id) ?? null,
    }));
}

/** By how much each forecast was wrong, as a part of the wait that it was about; smallest first. */
export function forecastErrors(
  admitted: readonly Offered[],
  ended: readonly EndedRequest[],
  leastMs = 1_000,
): number[] {
  const starts = new Map(ended.map(({ id, startedAtMs }) => [id, startedAtMs]));
  return admitted
    .flatMap(({ id, forecast }) => {
      const startedAtMs = starts.get(id!) ?? null;
      if (forecast === null || startedAtMs === null) return [];
      const waitMs = startedAtMs - forecast.askedAtMs;
      return waitMs < leastMs ? [] : [Math.abs(forecast.startAtMs - startedAtMs) / waitMs];
    })
    .sort((a, b) => a - b);
}

export function shareWithin(errors: readonly number[], limit: number): number {
  return errors.filter((error) => error <= limit).length / Math.max(1, errors.length);
}
