// Timeouts for answers of a server that count only the time in which this process could run. A process that got no CPU for
// two seconds runs its due timers before it reads its sockets, and would time out although the answer has arrived.
import type { Redis } from 'ioredis';

/** Each limit is divided into this many steps. A pause of the process, however long, counts as one step. */
const STEPS = 6;
/** Bounds the wait of a command while replies to earlier commands keep arriving, in limits. */
const MOST_LIMITS = 6;

/** Rejects with `late()` if the work takes longer. The work itself is not cancelled. */
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

/** After a pause, sockets are read before `then` is called: the event loop polls between timers and immediates. */
function waitStep(limitMs: number, then: () => void): NodeJS.Timeout {
  const stepMs = limitMs / STEPS;
  const dueAtMs = performance.now() + stepMs;
  return setTimeout(() => {
    if (performance.now() - dueAtMs < stepMs) then();
    else setImmediate(then);
  }, stepMs);
}

type SendCommand = Redis['sendCommand'];

/** Fields of an ioredis command. ioredis clears the timer when the command is settled (6.0.0, Command.js). */
interface TimedCommand {
  isSettled: boolean;
  _commandTimeoutTimer?: NodeJS.Timeout | undefined;
  reject(error: Error): void;
}

/**
 * Replaces ioredis' `commandTimeout`: rejects a command once nothing has arrived on the connection for `limitMs`. Replies come
 * in the order of the commands, so a reply to an earlier command shows that the server is working. In a cluster a command may
 * be redirected to another node's connection, so there the time of the command itself is limited.
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

/** Bytes received on the current connection. */
function bytesHeard({ stream }: Redis): number {
  return (stream as { bytesRead?: number } | undefined)?.bytesRead ?? 0;
}

interface Waited {
  /** Consecutive steps in which nothing arrived. */
  silent: number;
  all: number;
  bytes: number;
}

function watch(command: TimedCommand, limitMs: number, heard: () => number, before: Waited): NodeJS.Timeout {
  return waitStep(limitMs, () => {
    if (command.isSettled) return;
    const bytes = heard();
    // A new connection starts at 0; while it stays there, no server has answered on it.
    const isSilent = bytes === before.bytes || bytes === 0;
    const waited = { bytes, silent: isSilent ? before.silent + 1 : 0, all: before.all + 1 };
    if (waited.silent >= STEPS || waited.all >= STEPS * MOST_LIMITS) command.reject(new Error('Command timed out'));
    else command._commandTimeoutTimer = watch(command, limitMs, heard, waited);
  });
}
