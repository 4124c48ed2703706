// Sends an hour's worth of small requests of every kind at full speed, and checks what remains of them.
import { Agent, request } from 'undici';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { SPOKEN, SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';
import { waitFor } from '#test/support/wait.ts';
import { transientKeys } from '../chaos/check-redis.ts';

export interface Stage {
  broker: TestBroker;
  /** Sends this many requests; returns the number of answers by status. */
  run(requests: number, onProgress?: (done: number) => void): Promise<Record<number, number>>;
  /** Resolves when Redis has no more keys of requests. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

const MODEL = 'm';
const CONCURRENCY = 64;
/** How long answers are kept: just long enough to be read. */
const KEPT_MS = 1_000;
/** Idempotency keys are kept this much longer. */
const DEADLINE_MS = 10_000;
const DRAIN_LIMIT_MS = 60_000;
const PROGRESS_EVERY = 1_000;
const FAULTS = ['503 chance=0.02', '400 chance=0.01', 'cut@2 chance=0.01'];

export async function openStage(): Promise<Stage> {
  const simulator = await startSimulator({ tokens: 4, faults: FAULTS, keptRequests: 0 });
  const broker = await startBroker({ configuration: configurationFor(simulator) });
  const agent = new Agent({ connections: CONCURRENCY });
  let sent = 0;
  return {
    broker,
    async run(requests, onProgress) {
      const statuses: Record<number, number> = {};
      let done = 0;
      const indexes = Array.from({ length: requests }, () => sent++);
      await mapConcurrently(indexes, CONCURRENCY, async (index) => {
        const status = await send(broker.url, agent, index);
        statuses[status] = (statuses[status] ?? 0) + 1;
        done += 1;
        if (done % PROGRESS_EVERY === 0) onProgress?.(done);
      });
      return statuses;
    },
    async drained() {
      const { client } = broker.redis;
      await waitFor('Redis to drain', async () => (await transientKeys(client)).length === 0, DRAIN_LIMIT_MS);
    },
    async close() {
      await agent.destroy();
      await broker.stop();
      await simulator.close();
    },
  };
}

function configurationFor(simulator: Simulator): ConfigurationInput {
  return {
    server: { deadline_ms: DEADLINE_MS },
    storage: { finished_ms: KEPT_MS, idempotency_ms: KEPT_MS },
    dead_letters: { bodies: 'none' },
    providers: {
      vendor: {
        protocols: ['openai-chat'],
        base_url: `${simulator.url}/v1`,
        retries: { max: 1, base_ms: 1, max_ms: 2 },
        circuit: { failures: 1_000_000 },
      },
    },
    models: { [MODEL]: { deployments: [{ provider: 'vendor', model: MODEL, price: { input: 1, output: 1 } }] } },
  };
}

/** Of ten requests six are unstreamed, three streamed, one asynchronous; one in five has an idempotency key. */
async function send(url: string, agent: Agent, index: number): Promise<number> {
  const spoken = SPOKEN_PROTOCOLS[SPOKEN[index % SPOKEN.length]!];
  const isStream = index % 10 > 6;
  const { statusCode, body } = await request(url + spoken.path(MODEL, isStream), {
    method: 'POST',
    dispatcher: agent,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${TEST_KEY}`,
      ...(index % 10 === 6 ? { prefer: 'respond-async' } : {}),
      ...(index % 5 === 0 ? { 'idempotency-key': `memory-${index}` } : {}),
    },
    body: JSON.stringify(spoken.body({ model: MODEL, prompt: `Request ${index}.`, isStream })),
  });
  await body.dump();
  return statusCode;
}
