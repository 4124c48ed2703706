// Timeouts for answers of a server that count only the time in which this process could run. A process that got no CPU for
// two seconds runs its due timers before it reads its sockets, and would time out although the answer has arrived.
import type { Redis } from 'ioredis';

/** Each limit is divided into this many steps. A pause of the process, however long, counts as one step. */
const STEPS = 12;
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

/** Fields of an ioredis command (6.0.0, Command.js), and how long it has waited. */
interface WaitingCommand {
  isSettled: boolean;
  reject(error: Error): void;
  /** Steps begun since it was sent, and how many of them in a row without any arrival. */
  steps: number;
  silentSteps: number;
}

/**
 * Replaces ioredis' `commandTimeout`: rejects a command once nothing has arrived on the connection for `limitMs`. Replies come
 * in the order of the commands, so a reply to an earlier command shows that the server is working. In a cluster a command may
 * be redirected to another node's connection, so there the time of the command itself is limited.
 *
 * One timer per connection, and only while commands wait: a timer for each of thousands of commands a second cost more than
 * writing them.
 */
export function limitSilence(redis: Redis, limitMs: number, { isNode = false } = {}): void {
  const send: SendCommand = redis.sendCommand.bind(redis);
  let waiting: WaitingCommand[] = [];
  let isWatched = false;
  let bytes = 0;

  function watch(): void {
    isWatched = true;
    waitStep(limitMs, () => {
      isWatched = false;
      const heard = bytesHeard(redis);
      // A new connection starts at 0; while it stays there, no server has answered on it.
      const isSilent = isNode || heard === bytes || heard === 0;
      bytes = heard;
      waiting = waiting.filter((command) => !command.isSettled);
      for (const command of waiting) endStep(command, isSilent);
      if (waiting.length > 0) watch();
    });
  }

  redis.sendCommand = (...args: Parameters<SendCommand>) => {
    const command = args[0] as unknown as WaitingCommand;
    // A command that is sent again, after a reconnect or as a whole script, is still counted.
    if (command.steps === undefined) note(command);
    return send(...args);
  };

  function note(command: WaitingCommand): void {
    // The current step is only a part of one.
    command.steps = isWatched ? -1 : 0;
    command.silentSteps = command.steps;
    // They are settled in their order: without this, all commands of a step would be kept until its end.
    while (waiting[0]?.isSettled === true) waiting.shift();
    waiting.push(command);
    if (isWatched) return;
    bytes = bytesHeard(redis);
    watch();
  }
}

function endStep(command: WaitingCommand, isSilent: boolean): void {
  command.steps += 1;
  command.silentSteps = isSilent || command.silentSteps < 0 ? command.silentSteps + 1 : 0;
  const isLate = command.silentSteps >= STEPS || command.steps >= STEPS * MOST_LIMITS;
  if (isLate) command.reject(new Error('Command timed out'));
}

/** Bytes received on the current connection. */
function bytesHeard({ stream }: Redis): number {
  return (stream as { bytesRead?: number } | undefined)?.bytesRead ?? 0;
}
