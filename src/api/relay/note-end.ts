// When a request's connection has ended: writes the log entry and metrics, and frees its Redis memory if nobody can retrieve
// the answer again.
import { isDeadLetter } from '../../contracts/dead-letter.ts';
import { isForgottenWhenDelivered, type RequestSpec } from '../../contracts/request-record.ts';
import { traceFields } from '../../contracts/trace-context.ts';
import type { RequestStore } from '../../reply/request-store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ApiMetrics } from '../../telemetry/metrics.ts';
import type { ReplyEnd } from './relay.ts';

export interface EndKeepers {
  metrics: Pick<ApiMetrics, 'requestEnded'>;
  logger: Logger;
  forgetter: Forgetter;
  tracing?: { over(spec: RequestSpec, end: ReplyEnd): void } | null;
}

/** With these the API itself ends a request whose worker may still be running: the cancellation that follows needs its record. */
const ENDED_HERE: ReadonlySet<string> = new Set(['stream_interrupted', 'deadline_passed_waiting']);

export function noteEnd({ metrics, logger, forgetter, tracing }: EndKeepers, spec: RequestSpec, end: ReplyEnd): void {
  const durationMs = Date.now() - spec.acceptedAtMs;
  const { outcome, status, bytes } = end;
  metrics.requestEnded({ route: spec.protocol, status, outcome }, durationMs / 1_000);
  tracing?.over(spec, end);
  const isOver = end.isDelivered && !ENDED_HERE.has(outcome);
  if (isOver && isForgottenWhenDelivered(spec)) forgetter.forget(spec.requestId, isDeadLetter(spec, outcome));
  const record = {
    request_id: spec.requestId,
    key_id: spec.keyId,
    model: spec.model,
    lane: spec.lane,
    stream: spec.isStream,
    outcome,
    status,
    bytes,
    duration_ms: durationMs,
  };
  if (spec.trace !== undefined) Object.assign(record, traceFields(spec.trace));
  logger.info(record, 'request');
}

// Frees the Redis memory of completely delivered answers, in batches.
const FLUSH_INTERVAL_MS = 50;

export interface Forgetter {
  /** @param keepsBody the body is still needed. */
  forget(requestId: string, keepsBody: boolean): void;
  close(): Promise<void>;
}

/** Entries lost in a crash or while Redis is unavailable expire by their TTL. */
export function createForgetter(store: RequestStore, onError: (error: Error) => void): Forgetter {
  let pending: { requestId: string; keepsBody: boolean }[] = [];
  let timer: NodeJS.Timeout | null = null;

  async function flush(): Promise<void> {
    timer = null;
    const batch = pending;
    pending = [];
    for (const keepsBody of [false, true]) {
      const requestIds = batch.filter((one) => one.keepsBody === keepsBody).map(({ requestId }) => requestId);
      if (requestIds.length > 0) await store.forget(requestIds, keepsBody).catch(onError);
    }
  }

  return {
    forget(requestId, keepsBody) {
      pending.push({ requestId, keepsBody });
      timer ??= setTimeout(() => void flush(), FLUSH_INTERVAL_MS);
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      await flush();
    },
  };
}
