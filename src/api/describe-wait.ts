// What a request waits for, and for how long: of one that has no permit yet, wherever its job is.
import type { RequestView } from '../reply/request-store.ts';
import { stepAt } from '../routing/walk.ts';
import { rethrow } from './admit/dispatch.ts';
import type { ApiContext } from './context.ts';

/** Nothing for a request that is over, or that calls a vendor. */
export async function describeWait({ admission }: ApiContext, view: RequestView | null): Promise<object> {
  if (view === null || view.state === 'done') return {};
  const { spec, progress } = view;
  const step = stepAt(spec.plan, view.step, progress);
  const position = await admission.place(spec, step).catch(rethrow);
  if (view.state === 'running' && position === null) return {};
  // Behind its first attempt (a backoff) it stands in no line.
  const waitMs = position === null ? null : await admission.expectedWaitMs(spec, step).catch(rethrow);
  return {
    // A worker that has it waits for its permit.
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
