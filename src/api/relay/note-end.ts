// What is left of a request when its connection is over: a line in the log, a count, and nothing in Redis where nobody
// can ask for it again.
import { isDeadLetter } from '../../contracts/dead-letter.ts';
import { isForgottenWhenDelivered, type RequestSpec } from '../../contracts/request-record.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ApiMetrics } from '../../telemetry/metrics.ts';
import type { Forgetter } from './forgetter.ts';
import type { ReplyEnd } from './relay.ts';

export interface EndKeepers {
  metrics: Pick<ApiMetrics, 'requestEnded'>;
  logger: Logger;
  forgetter: Forgetter;
}

export function noteEnd({ metrics, logger, forgetter }: EndKeepers, spec: RequestSpec, end: ReplyEnd): void {
  const durationMs = Date.now() - spec.acceptedAtMs;
  const { outcome, status, bytes } = end;
  metrics.requestEnded({ route: spec.protocol, status, outcome }, durationMs / 1_000);
  if (end.isDelivered && isForgottenWhenDelivered(spec)) forgetter.forget(spec.requestId, isDeadLetter(spec, outcome));
  logger.info(
    {
      request_id: spec.requestId,
      key_id: spec.keyId,
      model: spec.model,
      lane: spec.lane,
      stream: spec.isStream,
      outcome,
      status,
      bytes,
      duration_ms: durationMs,
    },
    'request',
  );
}
