// A request as GET /v1/requests/{id} shows it: its state in Redis, if it is still kept, completed from the ledger.
import { isFailure } from '../../contracts/failure.ts';
import type { CostDetails } from '../../contracts/ledger-entry.ts';
import { chargeOf, formatCharge, formatUsd } from '../../contracts/money.ts';
import type { RequestSpec, TimelinePart } from '../../contracts/request-record.ts';
import { type AttemptHistory, findRequest, listAttempts, type RequestHistory } from '../../ledger/request-history.ts';
import { type RecordedAnswer, readAnswer } from '../../reply/reply-log.ts';
import type { RequestView } from '../../reply/request-store.ts';
import { stepAt } from '../../routing/walk.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';

/** Larger answers must be fetched from the stream endpoint. */
const MAX_SHOWN_BYTES = 16 * 1024 * 1024;

interface Known {
  view: RequestView | null;
  history: RequestHistory | null;
  attempts: AttemptHistory[];
  answer: RecordedAnswer | null;
}

/**
 * Null if the request does not exist or belongs to another key.
 * @param keyId null for operators: finds requests of any key, and shows the key's id.
 */
export async function describeRequest(
  context: ApiContext,
  requestId: string,
  keyId: string | null,
): Promise<object | null> {
  const view = await context.store.read(requestId).catch(rethrow);
  const isDone = view === null || view.state === 'done';
  // First, because it is written last: a response that names the end has the attempts before it.
  const history = isDone ? await findRequest(context.database, requestId) : null;
  const [attempts, answer, links] = await Promise.all([
    listAttempts(context.database, requestId),
    view?.state === 'done' ? readShown(context, requestId) : null,
    isDone ? context.deadLetters.linksOf(requestId) : { replayOf: view.spec.replayOf ?? null, replays: [] },
  ]);
  const owner = view?.spec.keyId ?? history?.keyId;
  if (owner === undefined || (keyId !== null && owner !== keyId)) return null;
  const known = { view, history, attempts, answer };
  return {
    ...summary(requestId, known),
    ...(keyId === null ? { key_id: owner } : {}),
    ...describeLinks(links),
    ...(await describeWait(context, view)),
    ...money(known),
    ...outcome(known),
  };
}

/** A failed request that was replayed, and its replay. */
function describeLinks({ replayOf, replays }: Links): object {
  return {
    ...(replayOf === null ? {} : { replay_of: replayOf }),
    ...(replays.length === 0 ? {} : { replayed_as: replays.map(({ requestId }) => requestId) }),
  };
}

type Links = Awaited<ReturnType<ApiContext['deadLetters']['linksOf']>>;

async function readShown(context: ApiContext, requestId: string): Promise<RecordedAnswer | null> {
  return readAnswer(context.replyLog, requestId, MAX_SHOWN_BYTES).catch((error: Error) => {
    if (error instanceof RangeError) return null;
    return rethrow(error);
  });
}

function summary(requestId: string, { view, history, attempts }: Known) {
  const about = view?.spec ?? history!;
  const timeline = history?.timeline ?? view?.progress.timeline ?? [];
  return {
    id: requestId,
    object: 'request',
    status: statusOf(view, history),
    model: about.model,
    protocol: about.protocol,
    lane: about.lane,
    priority: view?.spec.priority ?? timeline.find(({ priority }) => priority !== undefined)?.priority ?? 'normal',
    stream: about.isStream,
    created_at: Math.floor(about.acceptedAtMs / 1_000),
    finished_at: history === null ? null : Math.floor(history.finishedAtMs / 1_000),
    provider: history?.provider ?? null,
    stream_url: `/v1/requests/${requestId}/stream`,
    timeline: describeTimeline(about.acceptedAtMs, timeline, history?.finishedAtMs ?? null, attempts),
    attempts: attempts.map(describeAttempt),
  };
}

function statusOf(view: RequestView | null, history: RequestHistory | null): string {
  if (view !== null && view.state !== 'done') return view.isCancelled ? 'cancelling' : view.state;
  const result = history?.outcome ?? view?.outcome ?? 'ok';
  if (result === 'ok') return 'completed';
  return result === 'request_cancelled' ? 'cancelled' : 'failed';
}

/** Phases are contiguous: each begins where the previous one ended, except for attempts that ran beside each other. */
export function describeTimeline(
  fromMs: number,
  parts: readonly TimelinePart[],
  untilMs: number | null,
  attempts: readonly AttemptHistory[] = [],
) {
  const shown: object[] = [];
  let startedAtMs = fromMs;
  const add = ({ kind, untilMs: endedAtMs, sinceMs, isHedge, ...more }: TimelinePart) => {
    const beganAtMs = sinceMs ?? startedAtMs;
    const attempt = attempts.find((known) => kind === 'attempt' && known.attempt === more.attempt);
    shown.push({
      kind,
      started_at_ms: beganAtMs,
      duration_ms: Math.max(0, endedAtMs - beganAtMs),
      ...more,
      ...(isHedge === true ? { hedge: true } : {}),
      ...(attempt === undefined ? {} : cacheHits(attempt)),
    });
    startedAtMs = Math.max(startedAtMs, endedAtMs);
  };
  for (const part of parts) add(part);
  if (untilMs !== null && untilMs > startedAtMs) add({ kind: 'other', untilMs });
  return shown;
}

/** The share of the prompt that the provider read from its cache; absent if it did not report one. */
function cacheHits({ state, inputTokens, cachedInputTokens }: AttemptHistory): object {
  if (state !== 'settled' || inputTokens === 0) return {};
  return { cache_hit_rate: Math.round((cachedInputTokens / inputTokens) * 1_000) / 1_000 };
}

export function describeAttempt(attempt: AttemptHistory) {
  return {
    attempt: attempt.attempt,
    provider: attempt.provider,
    model: attempt.upstreamModel,
    outcome: attempt.outcome,
    settlement: attempt.state,
    started_at_ms: attempt.startedAtMs,
    first_byte_ms: attempt.firstByteMs,
    duration_ms: attempt.durationMs,
    usage: usageOf([attempt]),
    cost: Number(formatUsd(attempt.costPicoUsd)),
    ...describeDetails(attempt.details),
  };
}

/** Missing prices, implausible figures of the provider, and the tier and tools that make up the cost. */
function describeDetails({ unpriced = [], disputed, serviceTier, toolCalls, hedge }: CostDetails) {
  return {
    unpriced,
    ...(disputed === undefined ? {} : { disputed }),
    ...(serviceTier === undefined ? {} : { service_tier: serviceTier }),
    ...(toolCalls === undefined ? {} : { tool_calls: toolCalls }),
    ...(hedge === undefined ? {} : { hedge }),
  };
}

function usageOf(attempts: readonly AttemptHistory[]) {
  const sum = (pick: (attempt: AttemptHistory) => number) => attempts.reduce((total, next) => total + pick(next), 0);
  return {
    input_tokens: sum((attempt) => attempt.inputTokens),
    cached_input_tokens: sum((attempt) => attempt.cachedInputTokens),
    output_tokens: sum((attempt) => attempt.outputTokens),
    reasoning_tokens: sum((attempt) => attempt.reasoningTokens),
  };
}

/** While it runs: the attempts settled so far. */
function money({ history, attempts, view }: Known) {
  const settled = attempts.reduce((total, attempt) => total + attempt.costPicoUsd, 0n);
  const cost = history?.costPicoUsd ?? (view === null ? settled : larger(settled, BigInt(view.progress.costPicoUsd)));
  return {
    usage: { ...usageOf(attempts), cost: Number(formatUsd(cost)) },
    cost: Number(formatCharge(history?.chargeUnits ?? chargeOf(cost, view?.spec.accounts?.credits))),
  };
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function outcome({ view, history, answer }: Known): object {
  if (view !== null && view.state !== 'done') return {};
  const failure = answer?.failure ?? null;
  const code = history?.outcome ?? failure?.code ?? null;
  return {
    error:
      code === null || code === 'ok'
        ? null
        : { code, message: failure !== null && isFailure(failure) ? failure.message : null },
    answer: answer?.head == null ? null : describeAnswer(view?.spec, answer),
  };
}

function describeAnswer(spec: RequestSpec | undefined, { head, bytes }: RecordedAnswer) {
  const text = bytes.toString();
  return { status: head!.status, body: spec?.isStream === true ? text : parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// What a request without a permit is waiting for, and for how long.
/** Absent for a request that has ended or is calling a provider. */
export async function describeWait({ admission }: ApiContext, view: RequestView | null): Promise<object> {
  if (view === null || view.state === 'done') return {};
  const { spec, progress } = view;
  const step = stepAt(spec.plan, view.step, progress);
  const position = await admission.place(spec, step).catch(rethrow);
  if (view.state === 'running' && position === null) return {};
  // During a backoff after an attempt it is in no wait queue.
  const waitMs = position === null ? null : await admission.expectedWaitMs(spec, step).catch(rethrow);
  return {
    // A worker has it and is waiting for its permit.
    ...(view.isCancelled ? {} : { status: 'queued' }),
    queue: {
      provider: step.provider,
      lane: spec.lane,
      position,
      estimated_wait_ms: waitMs === null ? null : Math.round(waitMs),
      estimated_start_at: waitMs === null ? null : Math.round((Date.now() + waitMs) / 1_000),
      waits_for: progress.waitsFor?.reason ?? null,
    },
  };
}
