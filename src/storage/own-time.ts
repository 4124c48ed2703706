// Limits on waiting for a server, counted in time in which this process could run. A process that had no processor for two
// seconds finds its timers due before it reads its sockets, and would take an answer that lies there for silence.
import type { Redis } from 'ioredis';

/** A limit is waited for in so many steps; time in which the process stood still counts as one of them. */
const STEPS = 6;
/** A command that waits behind others, which are answered, waits for so many limits at most. */
const MOST_LIMITS = 6;

/** Rejects with `late()` when the work takes longer. The work itself goes on. */
export async function withinOwnTime<T>(limitMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<never>((_, reject) => {
    const wait = (steps: number) => {
      timer = waitStep(limitMs, () => (steps > 1 ? wait(steps - 1) : reject(late())));
    };
    wait(STEPS);
  });
  isLate.catch(() => undefined);
  try {
    return await Promise.race([work, isLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** What came while the process stood still is read first: after timers, and before immediates. */
function waitStep(limitMs: number, then: () => void): NodeJS.Timeout {
  const stepMs = limitMs / STEPS;
  const dueAtMs = performance.now() + stepMs;
  return setTimeout(() => {
    if (performance.now() - dueAtMs < stepMs) then();
    else setImmediate(then);
  }, stepMs);
}

type SendCommand = Redis['sendCommand'];

/** What ioredis keeps with a command; it clears the timer when the command is settled (6.0.0, Command.js). */
interface TimedCommand {
  isSettled: boolean;
  _commandTimeoutTimer?: NodeJS.Timeout | undefined;
  reject(error: Error): void;
}

/**
 * In place of ioredis' `commandTimeout`: rejects a command when the connection has brought nothing for so long. Replies come in
 * the order of commands, so that one to an earlier command says that the server is at work. A connection to a node of a cluster
 * says nothing of the others that a command is sent on to: there the command itself is limited.
 */
export function limitSilence(redis: Redis, limitMs: number, { isNode = false } = {}): void {
  const heard = isNode ? () => 0 : () => bytesHeard(redis);
  const send: SendCommand = redis.sendCommand.bind(redis);
  redis.sendCommand = (...args: Parameters<SendCommand>) => {
    const command = args[0] as unknown as TimedCommand;
    command._commandTimeoutTimer ??= watch(command, limitMs, heard, { silent: 0, all: 0, bytes: heard() });
    return send(...args);
  };
}

/** On the connection that there is now. */
function bytesHeard({ stream }: Redis): number {
  return (stream as { bytesRead?: number } | undefined)?.bytesRead ?? 0;
}

interface Waited {
  /** Steps in a row in which nothing came. */
  silent: number;
  all: number;
  bytes: number;
}

function watch(command: TimedCommand, limitMs: number, heard: () => number, before: Waited): NodeJS.Timeout {
  return waitStep(limitMs, () => {
    if (command.isSettled) return;
    const bytes = heard();
    // A new connection begins with none, and one that brings none has nobody at its end.
    const isSilent = bytes === before.bytes || bytes === 0;
    const waited = { bytes, silent: isSilent ? before.silent + 1 : 0, all: before.all + 1 };
    if (waited.silent >= STEPS || waited.all >= STEPS * MOST_LIMITS) command.reject(new Error('Command timed out'));
    else command._commandTimeoutTimer = watch(command, limitMs, heard, waited);
  });
}
