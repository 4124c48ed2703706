// The queue envelope of one request step. It carries references only: BullMQ copies job data on every start, so the body
// stays in its own key (docs/decisions/2026-11-20-queue-carries-references.md).

export interface RequestJob {
  requestId: string;
  /** Position on the path through the plan (src/routing/walk.ts). If the record's is higher, a fallback overtook this job. */
  step: number;
}

/** Deterministic, so that an enqueue repeated after a timeout cannot queue the same step twice. */
export function jobId(job: RequestJob): string {
  return `${job.requestId}-${job.step}`;
}

export type Lane = 'interactive' | 'batch';
export const LANES: readonly Lane[] = ['interactive', 'batch'];
