// The trace of a batch. Each line has a separate trace that is linked to its batch: one trace of a hundred thousand lines would
// be unreadable. Trace ids are derived from the ids of batch and request, so that a new owner of the batch continues both.
import { createHash } from 'node:crypto';
import type { Batch } from '#src/batches/batch.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { type TraceContext, writeTraceparent } from '#src/contracts/trace-context.ts';
import { ATTRIBUTES } from '#src/telemetry/semantic-conventions.ts';
import type { OpenSpan, Tracing } from '#src/telemetry/tracing.ts';

export interface LineTracing {
  /** A try of a line begins. */
  begin(batch: Pick<Batch, 'id'>, line: number, requestId: string): TraceContext;
  /** Safe to call for a line that is not known. */
  end(spec: RequestSpec | null, outcome: string): void;
  batchEnded(batch: Pick<Batch, 'id' | 'createdAtMs' | 'total'>, status: string): void;
}

/** More than the lines in flight of a process. */
const MAX_OPEN = 100_000;

export function createLineTracing(tracing: Tracing): LineTracing {
  const open = new Map<string, OpenSpan>();
  return {
    begin({ id }, line, requestId) {
      const link = writeTraceparent({ ...idsOf(id), isSampled: true });
      const attributes = { [ATTRIBUTES.batchId]: id, [ATTRIBUTES.batchLine]: line, [ATTRIBUTES.requestId]: requestId };
      const span = tracing.start('batch line', { kind: 'producer', ids: idsOf(requestId), links: [link], attributes });
      // Spans of batches that were given up are never ended: drop the oldest.
      if (open.size >= MAX_OPEN) open.delete(open.keys().next().value!);
      open.set(requestId, span);
      return span.context;
    },
    end(spec, outcome) {
      if (spec === null) return;
      const span = open.get(spec.requestId);
      open.delete(spec.requestId);
      span?.end({ attributes: { [ATTRIBUTES.outcome]: outcome } });
    },
    batchEnded({ id, createdAtMs, total }, status) {
      const error = status === 'failed' ? { [ATTRIBUTES.errorType]: status } : {};
      const attributes = {
        [ATTRIBUTES.batchId]: id,
        [ATTRIBUTES.outcome]: status,
        [ATTRIBUTES.batchLines]: total,
        ...error,
      };
      tracing.record('batch', { ids: idsOf(id), startMs: createdAtMs, endMs: Date.now(), attributes });
    },
  };
}

function idsOf(name: string): { traceId: string; spanId: string } {
  const hash = createHash('sha256').update(name).digest('hex');
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}
