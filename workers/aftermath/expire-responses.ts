// The janitor of kept responses: those whose time is over are deleted, some at a time, so that nobody waits for it long.
import type { ResponseStore } from '#src/responses/response-store.ts';
import type { Logger } from '#src/telemetry/logger.ts';

const SWEEP_MS = 600_000;
const FIRST_SWEEP_MS = 30_000;
const ROWS_AT_ONCE = 500;

/** Every ledger writer sweeps; two at once do no harm. */
export function startResponseJanitor(responses: ResponseStore, logger: Logger): { stop(): void } {
  let isStopped = false;
  const sweep = async () => {
    let deleted = 0;
    for (let rows = ROWS_AT_ONCE; rows === ROWS_AT_ONCE && !isStopped; deleted += rows) {
      rows = await responses.deleteExpired(Date.now(), ROWS_AT_ONCE);
    }
    if (deleted > 0) logger.info({ responses: deleted }, 'old responses deleted');
  };
  const start = () =>
    void sweep().catch((error: Error) => logger.warn({ err: error }, 'old responses could not be deleted'));
  const timers = [setTimeout(start, FIRST_SWEEP_MS), setInterval(start, SWEEP_MS)];
  return {
    stop() {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
