// The way of answers to their clients: one writer for each delivery, one announcer for each API instance and shard that has
// any.
import { shardOf } from '../contracts/ids.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { type Announcer, createAnnouncer } from './announcer.ts';
import { AttemptWriter, type ReplyWriter, type ReplyWriterOptions } from './attempt-writer.ts';

const GATHER_MS = 4;
const GATHER_BUSY_MS = 20;
const BUSY_UTILIZATION = 0.6;
const UTILIZATION_SAMPLE_MS = 250;

export interface Publisher {
  open(options: ReplyWriterOptions): ReplyWriter;
}

/** @param needsBody whether a request that ended so leaves its body to somebody, beside those who asked for it. */
export function createPublisher(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
  needsBody: (spec: ReplyWriterOptions['spec'], outcome: string) => boolean = () => false,
): Publisher {
  const announcers = new Map<string, { announcer: Announcer; writers: number }>();
  const gatherMs = createGatherClock();

  function acquireAnnouncer(channel: string): Announcer {
    let entry = announcers.get(channel);
    if (entry === undefined) {
      entry = { announcer: createAnnouncer(redis, keyspace, channel, gatherMs, onError), writers: 0 };
      announcers.set(channel, entry);
    }
    entry.writers += 1;
    return entry.announcer;
  }

  /** API instances come and go; their announcers go with their last writer. */
  function releaseAnnouncer(channel: string): void {
    const entry = announcers.get(channel);
    if (entry === undefined) return;
    entry.writers -= 1;
    if (entry.writers === 0) announcers.delete(channel);
  }

  return {
    open(options) {
      const channel = keyspace.replyChannel(shardOf(options.spec.requestId), options.spec.inbox);
      return new AttemptWriter(options, acquireAnnouncer(channel), {
        onClosed: () => releaseAnnouncer(channel),
        needsBody: (outcome) => needsBody(options.spec, outcome),
      });
    },
  };
}

/**
 * How long tokens are gathered before they leave: a few milliseconds, which nobody sees; more while this process is
 * short of time, when two tokens in one frame cost half of two frames, in Redis and in the API process too.
 */
function createGatherClock(): () => number {
  let last = performance.eventLoopUtilization();
  let lastMs = performance.now();
  let isBusy = false;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs > UTILIZATION_SAMPLE_MS) {
      const now = performance.eventLoopUtilization();
      isBusy = performance.eventLoopUtilization(now, last).utilization > BUSY_UTILIZATION;
      last = now;
      lastMs = nowMs;
    }
    return isBusy ? GATHER_BUSY_MS : GATHER_MS;
  };
}
