// Start and end of a Sluice process: reports readiness to its parent, shuts down in order on a signal or when the parent is
// gone. A second signal ends it at once.
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { ConfigurationError } from '../config/load.ts';
import type { Logger } from '../telemetry/logger.ts';

/** As in sysexits(3): the configuration is invalid, so a restart will not help. */
const EXIT_CONFIGURATION = 78;
/** Databases, logs and keys are readable only by the user who runs Sluice, even in a directory that others can read. */
const PRIVATE_FILES = 0o077;

export interface Lifecycle {
  /** Tells the parent process, if there is one with a channel, that work can begin. */
  ready(details: Record<string, unknown>): void;
}

/**
 * Calls `shutDown` once, on the first SIGTERM or SIGINT or when the parent's channel closes, then exits with 0 (or 1 if
 * it rejects or takes longer than `limitMs`). After an uncaught exception it does the same and exits with 1, so that a
 * supervisor restarts it.
 */
export function manageLifecycle(
  logger: Logger,
  limitMs: number,
  shutDown: (reason: string) => Promise<void>,
): Lifecycle {
  let isEnding = false;
  const end = (reason: string, status = 0) => {
    if (isEnding) process.exit(1);
    isEnding = true;
    logger.info({ reason }, 'shutting down');
    setTimeout(() => process.exit(1), limitMs).unref();
    shutDown(reason).then(
      () => process.exit(status),
      (error: unknown) => {
        logger.error({ err: error }, 'shutdown failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  if (process.send !== undefined) process.on('disconnect', () => end('parent process is gone'));
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception');
    // A second exception must not cut the shutdown short, whose time is bounded anyway.
    if (!isEnding) end('uncaught exception', 1);
  });
  process.on('unhandledRejection', (reason) => {
    // An unhandled rejection is a bug, but no reason to drop every request of the process.
    logger.error({ err: reason }, 'unhandled rejection');
  });
  return {
    ready(details) {
      process.send?.({ type: 'ready', ...details });
    },
  };
}

/** Runs an entry point; configuration errors are printed without a stack. */
export function runMain(main: () => Promise<void>): void {
  process.umask(PRIVATE_FILES);
  main().catch((error: unknown) => {
    const isFault = error instanceof ConfigurationError;
    process.stderr.write(isFault ? `${error.message}\n` : `${(error as Error).stack ?? String(error)}\n`);
    process.exit(isFault ? EXIT_CONFIGURATION : 1);
  });
}

/** Utilisation above which, for BUSY_LOOKS checks in a row, the event loop counts as busy: new work would have to wait. */
const BUSY_UTILIZATION = 0.75;
const BUSY_LOOKS = 5;
const LOOK_EVERY_MS = 1_000;

/** Calls `onBusy` once, after the event loop was busy in each of five consecutive seconds. */
export function watchBusy(
  onBusy: () => void,
  read: (before?: EventLoopUtilization) => EventLoopUtilization = performance.eventLoopUtilization,
): { stop(): void } {
  let before = read();
  let looks = 0;
  const timer = setInterval(() => {
    const now = read();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    looks = utilization > BUSY_UTILIZATION ? looks + 1 : 0;
    if (looks < BUSY_LOOKS) return;
    clearInterval(timer);
    onBusy();
  }, LOOK_EVERY_MS).unref();
  return { stop: () => clearInterval(timer) };
}

const wishes = new Set<string>();

/** Asks `sluice start` for a process that it runs only once there is work for it. Without such a parent, does nothing. */
export function wishFor(name: string): void {
  if (process.send === undefined || wishes.has(name)) return;
  wishes.add(name);
  process.send({ type: 'wish', process: name });
}
