// Logs an outage when it begins, when the kind of error changes, and when it is over. A process may have thousands of
// commands in flight and retries them; logging each failure would hide what happened and fill disks.
import type { Logger } from './logger.ts';

export interface TroubleLog {
  /** Call it for every error; repeats are only counted. */
  note(error: Error): void;
  /** The outage is known to be over; otherwise it ends after a quiet time. */
  over(): void;
}

/** An outage is over after this long without an error. Longer than any pause between two tries. */
const QUIET_MS = 15_000;
/** Kinds of error logged per outage; more are only counted. */
const MAX_KINDS = 8;
const MAX_REASON_CHARACTERS = 300;

export function createTroubleLog(logger: Logger, subject: string): TroubleLog {
  const kinds = new Set<string>();
  let errors = 0;
  let sinceMs = 0;
  let quiet: NodeJS.Timeout | null = null;

  function over(lastedMs = Date.now() - sinceMs): void {
    if (errors === 0) return;
    logger.info({ errors, lasted_ms: lastedMs }, `trouble with ${subject} is over`);
    kinds.clear();
    errors = 0;
    if (quiet !== null) clearTimeout(quiet);
    quiet = null;
  }

  return {
    note(error) {
      if (errors === 0) sinceMs = Date.now();
      errors += 1;
      const lastedMs = Date.now() - sinceMs;
      if (quiet !== null) clearTimeout(quiet);
      quiet = setTimeout(() => over(lastedMs), QUIET_MS).unref();
      const kind = kindOf(error);
      if (kinds.has(kind) || kinds.size >= MAX_KINDS) return;
      kinds.add(kind);
      const reason = error.message.slice(0, MAX_REASON_CHARACTERS);
      // The stack helps with unexpected errors; for a lost connection it is useless.
      logger.warn(isExpected(kind) ? { kind, reason } : { kind, err: error }, `trouble with ${subject}`);
    },
    over: () => over(),
  };
}

/** A system code (`ECONNREFUSED`), the first word of a Redis error (`READONLY`), else the error's name and message. */
function kindOf(error: Error & { code?: unknown }): string {
  if (typeof error.code === 'string') return error.code;
  return /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? `${error.name}: ${error.message.replace(/\d+/g, 'n').slice(0, 60)}`;
}

const EXPECTED_WORDS = /connection is closed|timed out|isn't writeable|max retries per request/i;

function isExpected(kind: string): boolean {
  return /^[A-Z0-9_]+$/.test(kind) || EXPECTED_WORDS.test(kind);
}
