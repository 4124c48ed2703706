// The last step of admission: record, place in the wait queue, and job. One script where one server has all keys, else one
// after the other, the record first: a job without one would find nothing to do.
import type { RequestSpec } from '../../contracts/request-record.ts';
import { readTotals, type WaitEntry, type WaitQueues, type WaitTotals } from '../../limits/wait-queue.ts';
import type { QueueProducer } from '../../queue/producer.ts';
import {
  type AcceptResult,
  type IdempotencyClaim,
  type RequestStore,
  readAccepted,
} from '../../reply/request-store.ts';
import {
  joinScripts,
  type LuaScript,
  loadLuaScript,
  runCall,
  runScript,
  type ScriptCall,
} from '../../storage/lua-script.ts';
import { isCluster, type RedisClient } from '../../storage/redis.ts';

export interface HandOver {
  /** @param entry absent: it stands in its wait queue already. Rejects when Redis does not take all of it. */
  handOver(request: AcceptedRequest, entry: WaitEntry | null): Promise<HandedOver>;
}

export interface AcceptedRequest {
  spec: RequestSpec;
  body: Buffer;
  timeToLiveMs: number;
  idempotency: IdempotencyClaim | undefined;
}

export interface HandedOver {
  result: AcceptResult;
  /** What stands in each of its wait queues, itself included; null where it was counted before, or joins another. */
  totals: WaitTotals[] | null;
}

interface HandOverParts {
  redis: RedisClient;
  store: RequestStore;
  waitQueues: WaitQueues;
  producer: QueueProducer;
}

const handOverScript = loadLuaScript(import.meta.url, './hand-over.lua');

export function createHandOver({ redis, store, waitQueues, producer }: HandOverParts): HandOver {
  let joined: LuaScript | null = null;

  function callsOf({ spec, body, timeToLiveMs, idempotency }: AcceptedRequest, entry: WaitEntry | null) {
    const job = { requestId: spec.requestId, step: 0 };
    return {
      accept: store.acceptCall(spec, body, timeToLiveMs, idempotency),
      enter: entry === null ? null : waitQueues.enterCall(entry),
      add: producer.enqueueCall(spec.plan.steps[0]!.provider, spec.lane, job),
    };
  }

  async function inOneStep(request: AcceptedRequest, entry: WaitEntry | null): Promise<HandedOver> {
    const { accept, enter, add } = callsOf(request, entry);
    joined ??= joinScripts(
      handOverScript.command,
      { accept: accept.script, enter: waitQueues.enterScript, add: add.script },
      handOverScript,
    );
    const calls = [accept, ...(enter === null ? [] : [enter]), add];
    const sizes = [accept.keys.length, accept.args.length, enter?.keys.length ?? 0, enter?.args.length ?? 0];
    const keys = calls.flatMap((call) => call.keys);
    const args = [...sizes, ...calls.flatMap((call) => call.args)];
    const [accepted, totals] = (await runScript(redis, joined, keys, args)) as [unknown, number[] | null];
    return { result: readAccepted(accepted), totals: totals ? readTotals(totals) : null };
  }

  async function stepByStep(request: AcceptedRequest, entry: WaitEntry | null): Promise<HandedOver> {
    const { accept, enter, add } = callsOf(request, entry);
    const run = (call: ScriptCall | null) => (call === null ? null : runCall(redis, call));
    const [accepted, totals] = await Promise.all([run(accept), run(enter)]);
    const result = readAccepted(accepted);
    if (result.kind !== 'accepted') {
      if (entry !== null) await waitQueues.leave(entry);
      return { result, totals: null };
    }
    await run(add);
    return { result, totals: totals ? readTotals(totals as number[]) : null };
  }

  return { handOver: isCluster(redis) ? stepByStep : inOneStep };
}
