// What can be wrong with a Redis that is there, by the first word of its refusals; and how to wait until it is right again.
// A refused command or script has done nothing: Redis looks before it lets a script make its first write.

/**
 * This server is not, or not yet, the primary that may write: after a failover behind one address the old connections lead to
 * it still, and a new one leads to its successor.
 */
const ELSEWHERE = ['READONLY', 'MASTERDOWN', 'LOADING', 'UNBLOCKED'] as const;
/** No other server will do better; an operator or time cures it. */
const HERE = [
  'OOM',
  'NOREPLICAS',
  'MISCONF',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BUSY',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
] as const;

export type RedisRefusal = (typeof ELSEWHERE)[number] | (typeof HERE)[number];

const REFUSALS: readonly string[] = [...ELSEWHERE, ...HERE];
/** At the beginning, behind `ERR Error …` of older servers' scripts, or in what a cluster client says of its last try. */
const REFUSAL_WORD = new RegExp(`(?:^|[\\s:-])(${REFUSALS.join('|')})\\b`);

/** Longer messages are cut: only their beginning says what is wrong. */
const READ_CHARACTERS = 300;

/** Why Redis did not do it; null for an error that is none of its refusals. */
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

/** Whether an error says that Redis is away, full or failing over, and not that our own code is wrong. */
export function isRedisTrouble(error: Error & { code?: unknown }): boolean {
  if (error.name === 'ReplyError') return refusalOf(error) !== null || CLUSTER_REDIRECTION.test(error.message);
  const isSystemError = typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
  return isSystemError || TROUBLE_NAMES.has(error.name) || TROUBLE_WORDS.test(error.message);
}

/** A transaction that was broken off, and redirections that were followed too often. */
const CLUSTER_REDIRECTION = /^(EXECABORT|MOVED|ASK)\b/;

const AGAIN_FIRST_MS = 50;
const AGAIN_LONGEST_MS = 1_000;

export interface Patience {
  /** Told of every refusal. */
  onError: (error: Error) => void;
  /** Nobody needs it any more: the next refusal is thrown. */
  isOver?: () => boolean;
}

/**
 * Does what must be done as soon as Redis takes it, however long that takes; rejects with what is no trouble of Redis. The
 * act must be safe to repeat.
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
