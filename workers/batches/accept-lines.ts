// Accepts lines as requests: stores their records and bodies and enqueues their jobs, a few lines in one script. Small steps
// leave Redis to others in between: a hundred lines at once would delay every interactive request.
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import type { RequestStore } from '#src/reply/request-store.ts';
import { joinScripts, type LuaScript, loadLuaScript, runScript } from '#src/storage/lua-script.ts';
import { isCluster, type RedisClient } from '#src/storage/redis.ts';

export interface LineSubmission {
  spec: RequestSpec;
  body: Buffer;
}

/**
 * Safe to repeat: existing requests are unchanged. Retries while Redis is down. Order matters here: a request is stored before
 * its job.
 * @param isWanted checked before each step. While other lines are accepted, a line that an earlier owner had accepted may get its
 * result, have it stored and its record removed: if it were accepted then, it would be called once more.
 */
export type AcceptLines = <Line extends LineSubmission>(
  lines: readonly Line[],
  isWanted: (line: Line) => boolean,
) => Promise<void>;

interface AcceptanceParts {
  redis: RedisClient;
  store: RequestStore;
  producer: QueueProducer;
  onTrouble: (error: Error) => void;
}

/** Measured: this many lines of half a kilobyte keep Redis busy for half a millisecond. */
const LINES_AT_ONCE = 20;
const BYTES_AT_ONCE = 256 * 1024;
/** Record and body outlive the deadline: a worker needs them to report that it has passed. */
const RECORD_GRACE_MS = 24 * 3_600_000;
const RETRY_AFTER_MS = 500;

const acceptLinesScript = loadLuaScript(import.meta.url, './accept-lines.lua');

export function createLineAcceptance({ redis, store, producer, onTrouble }: AcceptanceParts): AcceptLines {
  let joined: LuaScript | null = null;

  async function inOneStep(provider: string, lines: readonly LineSubmission[]): Promise<void> {
    const accepts = lines.map(({ spec, body }) => store.acceptCall(spec, body, timeToLiveMs(spec)));
    const add = producer.enqueueCall(provider, 'batch', lines.map(jobOf));
    joined ??= joinScripts(
      acceptLinesScript.command,
      { accept: accepts[0]!.script, add: add.script },
      acceptLinesScript,
    );
    const calls = [...accepts, add];
    const args = [lines.length, ...calls.flatMap((call) => call.args)];
    const keys = calls.flatMap((call) => call.keys);
    await runScript(redis, joined, keys, args);
  }

  async function stepByStep(provider: string, lines: readonly LineSubmission[]): Promise<void> {
    await Promise.all(lines.map(({ spec, body }) => store.accept(spec, body, timeToLiveMs(spec))));
    await producer.enqueueAll(provider, 'batch', lines.map(jobOf));
  }

  const accept = isCluster(redis) ? stepByStep : inOneStep;
  return async (lines, isWanted) => {
    for (const { provider, group } of groupsOf(lines)) {
      for (let left = group.filter(isWanted); left.length > 0; left = left.filter(isWanted)) {
        try {
          await accept(provider, left);
          break;
        } catch (error) {
          onTrouble(error as Error);
          await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
        }
      }
    }
  };
}

function jobOf({ spec }: LineSubmission) {
  return { requestId: spec.requestId, step: 0 };
}

function timeToLiveMs({ deadlineAtMs, acceptedAtMs }: RequestSpec): number {
  return Math.max(0, deadlineAtMs - acceptedAtMs) + RECORD_GRACE_MS;
}

/** Groups of a few lines of the same queue. */
function* groupsOf<Line extends LineSubmission>(
  lines: readonly Line[],
): Generator<{ provider: string; group: Line[] }> {
  for (const [provider, queued] of Map.groupBy(lines, ({ spec }) => spec.plan.steps[0]!.provider)) {
    let group: Line[] = [];
    let bytes = 0;
    for (const line of queued) {
      if (group.length >= LINES_AT_ONCE || (bytes > 0 && bytes + line.body.length > BYTES_AT_ONCE)) {
        yield { provider, group };
        group = [];
        bytes = 0;
      }
      group.push(line);
      bytes += line.body.length;
    }
    yield { provider, group };
  }
}
