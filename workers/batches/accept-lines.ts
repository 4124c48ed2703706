// Writes the requests of lines and queues them: what dispatch.ts is for one client, for hundreds of lines at once. Order
// matters here: a body is there before the job that refers to it. Safe to repeat: what is there already stays.
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { BatchContext } from './batch-context.ts';

export interface LineSubmission {
  spec: RequestSpec;
  body: Buffer;
}

/** Record and body outlive the deadline by this: a worker must find them to say that it has passed. */
const RECORD_GRACE_MS = 24 * 3_600_000;
const RETRY_AFTER_MS = 500;

/** Redis may refuse or be away: the lines wait for it, until `isStopped`. */
export async function acceptLines(
  context: BatchContext,
  lines: readonly LineSubmission[],
  isStopped: () => boolean,
): Promise<void> {
  while (lines.length > 0 && !isStopped()) {
    try {
      await Promise.all(lines.map(({ spec, body }) => context.store.accept(spec, body, timeToLiveMs(spec))));
      for (const [provider, specs] of byFirstProvider(lines)) {
        const jobs = specs.map(({ requestId }) => ({ requestId, step: 0 }));
        await context.producer.enqueueAll(provider, 'batch', jobs);
      }
      return;
    } catch (error) {
      context.onTrouble(error as Error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
    }
  }
}

function timeToLiveMs({ deadlineAtMs, acceptedAtMs }: RequestSpec): number {
  return Math.max(0, deadlineAtMs - acceptedAtMs) + RECORD_GRACE_MS;
}

function byFirstProvider(lines: readonly LineSubmission[]): Map<string, RequestSpec[]> {
  const groups = new Map<string, RequestSpec[]>();
  for (const { spec } of lines) {
    const { provider } = spec.plan.steps[0]!;
    const group = groups.get(provider);
    if (group === undefined) groups.set(provider, [spec]);
    else group.push(spec);
  }
  return groups;
}
