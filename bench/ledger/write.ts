// Measures the speed of the ledger writer: messages are in the Redis stream, as workers append them, and the writers of several
// processes move them to SQL, with the transactions, triggers and partitions of a real installation.
import { createRequestId } from '#src/contracts/ids.ts';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { createLedgerReader, createLedgerStream } from '#src/ledger/ledger-stream.ts';
import { startLedgerWriter } from '#src/ledger/ledger-writer.ts';
import { addChanges } from '#src/ledger/rollups.ts';
import type { Database } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { preparePartitions } from '#src/storage/ledger-partitions.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { startTestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

export interface WriteOptions {
  database: Database;
  messages: number;
  serverCpuMs(): number;
}

const KEYSPACE = createKeyspace('sluice');
const AT_ONCE = 1_000;
/** As src/ledger/ledger-jobs.ts. */
const ADD_EVERY_MS = 5_000;

export async function timeWriter({ database, messages, serverCpuMs }: WriteOptions): Promise<void> {
  await preparePartitions(database, 1);
  const redis = await startTestRedis();
  const reading = await connectRedis({ kind: 'standalone', url: redis.url }, 'consumer', console.error);
  const stream = createLedgerStream(redis.client, KEYSPACE);
  for (let from = 0; from < messages; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, messages - from);
    await Promise.all(Array.from({ length: count }, (_, n) => stream.append(JSON.stringify(message(from + n)))));
  }
  const keeper = setInterval(() => void addChanges(database), ADD_EVERY_MS);
  const usedMs = () => {
    const { user, system } = process.cpuUsage();
    return [(user + system) / 1_000, serverCpuMs()] as const;
  };
  const [startedAtMs, before] = [performance.now(), usedMs()];
  const writer = startLedgerWriter({
    reader: await createLedgerReader(reading, KEYSPACE, 'writer'),
    store: createLedgerStore(database),
    setAside: async (_message, _part, error) => Promise.reject(error),
    onError: (error) => console.error(error),
  });
  await waitFor('the ledger', async () => (await stream.length()) === 0, 3_600_000);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const [own, server] = usedMs().map((ms, index) => ((ms - before[index]!) / messages) * 1_000);
  clearInterval(keeper);
  await writer.stop();
  await addChanges(database);
  disconnectRedis(reading);
  await redis.stop();
  console.log(
    `${messages} messages (an attempt and a request each) from Redis to SQL by one writer in ${seconds.toFixed(1)} s: ${Math.round(messages / seconds)} a second; for 1,000 of them ${own!.toFixed(0)} ms of this process's processor, ${server!.toFixed(0)} ms of the server's`,
  );
}

/** Growth of a streamed answer, as in its timeline. */
const GROWTH = Array.from({ length: 20 }, (_, index) => [300 + 30 * index, 10 * index] as const);

function message(index: number): LedgerMessage {
  const atMs = Date.now();
  const common = {
    requestId: createRequestId(1, atMs),
    keyId: `key_${index % 50}`,
    projectId: `proj_${index % 10}`,
    model: `model-${index % 8}`,
    protocol: 'openai-chat',
    lane: 'interactive' as const,
    isStream: true,
    outcome: 'ok',
    provider: `provider-${index % 3}`,
    upstreamModel: `model-${index % 8}`,
    costPicoUsd: String(1_000_000 + index),
  };
  return {
    attempt: {
      ...common,
      attempt: 1,
      deployment: `${common.provider}/${common.model}`,
      state: 'settled',
      startedAtMs: atMs,
      queueMs: 1,
      firstByteMs: 300,
      durationMs: 900,
      inputTokens: 1_000,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 200,
      reasoningTokens: 0,
    },
    request: {
      ...common,
      acceptedAtMs: atMs,
      finishedAtMs: atMs + 900,
      attempts: 1,
      timeline: [
        { kind: 'queue', untilMs: atMs + 2 },
        {
          kind: 'attempt',
          untilMs: atMs + 900,
          provider: common.provider,
          attempt: 1,
          outcome: 'ok',
          tokens: GROWTH,
          frames: 200,
        },
      ],
      chargeUnits: 1,
    },
  };
}
