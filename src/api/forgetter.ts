// Frees the Redis memory of answers that their client has in full, many at a time.
import type { RequestStore } from '../reply/request-store.ts';

const FLUSH_INTERVAL_MS = 50;

export interface Forgetter {
  forget(requestId: string): void;
  close(): Promise<void>;
}

/** What is lost with a crash, or while Redis is away, expires by its own time to live. */
export function createForgetter(store: RequestStore, onError: (error: Error) => void): Forgetter {
  let pending: string[] = [];
  let timer: NodeJS.Timeout | null = null;

  async function flush(): Promise<void> {
    timer = null;
    const requestIds = pending;
    pending = [];
    if (requestIds.length > 0) await store.forget(requestIds).catch(onError);
  }

  return {
    forget(requestId) {
      pending.push(requestId);
      timer ??= setTimeout(() => void flush(), FLUSH_INTERVAL_MS);
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      await flush();
    },
  };
}
