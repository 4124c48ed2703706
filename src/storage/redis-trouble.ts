// Tells errors of a Redis outage from other errors, and retries until it is over. A refused command or script had no effect:
// Redis checks before it lets a script make its first write.

/**
 * Refusals of a server that is not, or not yet, the primary. After a failover behind one address, old connections still lead to
 * the old server, and new ones to its successor.
 */
const ELSEWHERE = ['READONLY', 'MASTERDOWN', 'LOADING', 'UNBLOCKED'] as const;
/** Refusals that a reconnect does not change; they pass with time or need an operator. `BODYLOST`: src/reply/accept.lua. */
const HERE = [
  'OOM',
  'NOREPLICAS',
  'MISCONF',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BODYLOST',
  'BUSY',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
] as const;

export type RedisRefusal = (typeof ELSEWHERE)[number] | (typeof HERE)[number];

const REFUSALS: readonly string[] = [...ELSEWHERE, ...HERE];
/** At the start, after `ERR Error …` of older servers' scripts, or in a cluster client's message about its last try. */
const REFUSAL_WORD = new RegExp(`(?:^|[\\s:-])(${REFUSALS.join('|')})\\b`);

/** Only the start of a message is searched. */
const READ_CHARACTERS = 300;

/** The kind of refusal; null for other errors. */
export function refusalOf(error: Error): RedisRefusal | null {
  const word = REFUSAL_WORD.exec(error.message.slice(0, READ_CHARACTERS))?.[1];
  return (word as RedisRefusal | undefined) ?? null;
}

/** Whether a new connection to the same address may find another server. */
export function isAnothersToDo(error: Error): boolean {
  const refusal = refusalOf(error);
  return refusal !== null && (ELSEWHERE as readonly string[]).includes(refusal);
}

const TROUBLE_NAMES = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError']);
const TROUBLE_WORDS = /connection is closed|command timed out|stream isn't writeable|cluster/i;

/** Whether an error means that Redis is down, full or failing over, as opposed to a bug. */
export function isRedisTrouble(error: Error & { code?: unknown }): boolean {
  if (error.name === 'ReplyError') return refusalOf(error) !== null || CLUSTER_REDIRECTION.test(error.message);
  const isSystemError = typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
  return isSystemError || TROUBLE_NAMES.has(error.name) || TROUBLE_WORDS.test(error.message);
}

/** Aborted transactions, and redirections that were followed too often. */
const CLUSTER_REDIRECTION = /^(EXECABORT|MOVED|ASK)\b/;

const AGAIN_FIRST_MS = 50;
const AGAIN_LONGEST_MS = 1_000;

export interface Patience {
  /** Called for every error. */
  onError: (error: Error) => void;
  /** Once true, the next error is thrown. */
  isOver?: () => boolean;
}

/**
 * Retries `act` until Redis takes it, however long that takes; rejects with errors that are not Redis' trouble. `act` must be
 * safe to repeat.
 */
export async function untilTaken<T>(act: () => Promise<T>, { onError, isOver = () => false }: Patience): Promise<T> {
  for (let waitMs = AGAIN_FIRST_MS; ; waitMs = Math.min(waitMs * 2, AGAIN_LONGEST_MS)) {
    try {
      return await act();
    } catch (error) {
      if (!isRedisTrouble(error as Error) || isOver()) throw error;
      onError(error as Error);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
