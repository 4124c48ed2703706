// Frees the Redis memory of answers that their client has in full, many at a time.
import type { RequestStore } from '../../reply/request-store.ts';

const FLUSH_INTERVAL_MS = 50;

export interface Forgetter {
  /** @param keepsBody somebody else needs the body. */
  forget(requestId: string, keepsBody: boolean): void;
  close(): Promise<void>;
}

/** What is lost with a crash, or while Redis is away, expires by its own time to live. */
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
