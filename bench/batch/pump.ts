// The pump of one batch on its own, for all of its lines: reading, dispatching, collecting results, committing them to files and
// SQLite, with a runner that answers at once. Its memory must not grow with the file.
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { createBatchStore } from '#src/batches/batch-store.ts';
import { createFileStore, type StoredFile } from '#src/batches/file-store.ts';
import { createRunStore } from '#src/batches/run-store.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { openDatabase } from '#src/storage/database.ts';
import { createLocalBlobStore } from '#src/storage/local-blobs.ts';
import { createLogger } from '#src/telemetry/logger.ts';
import { createBatchMetrics } from '#src/telemetry/metrics.ts';
import type { BatchContext } from '#workers/batches/batch-context.ts';
import { BatchRun } from '#workers/batches/batch-run.ts';
import type { LineRunner, LineRunnerHooks, RunnableLine } from '#workers/batches/line-runner.ts';
import { validateBatch } from '#workers/batches/run-batch.ts';
import { writeInput } from './client.ts';
import { print } from './print.ts';

const KEY_ID = 'key_bench';
const LEASE_MS = 3_600_000;
const WINDOW = 2_000;
const SAMPLES = 10;

/** 350 bytes, the size of a short answer with its usage. */
const ANSWER = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o',
    choices: [{ index: 0, message: { role: 'assistant', content: 'The quick brown fox.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 90, completion_tokens: 12, total_tokens: 102, cost: 0.000345 },
  }),
);

export async function measurePump(lines: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const database = await openDatabase(`sqlite:${join(directory, 'sluice.db')}`, () => undefined);
  try {
    const context = {
      configuration: configurationSchema.parse({ batches: { max_lines: 10_000_000 } }),
      blobs: createLocalBlobStore(join(directory, 'files')),
      runs: createRunStore(database),
      // Accepts every model.
      catalogue: { findModel: () => ({}) },
      logger: createLogger({ level: 'warn', role: 'bench', instance: 'pump' }),
      metrics: createBatchMetrics(new Registry()),
    } as unknown as BatchContext;
    const path = await writeInput({ directory } as never, { lines });
    const written = await context.blobs.write('file-bench', createReadStream(path), Number.MAX_SAFE_INTEGER);
    const file = fileOf(written.bytes, context.blobs.id);
    await createFileStore(database).insert(file);
    const batch = await createBatchStore(database).insert(newBatch(file), { store: file.store, replyShards: 1 });
    const claimed = (await context.runs.claim(batch, 'bench', LEASE_MS))!;
    const key = { settings: { models: null } } as never;
    const validated = (await measured('pump: validated', lines, () =>
      validateBatch(context, claimed.lease, batch, file, key),
    ))!;
    const createRunner = (hooks: LineRunnerHooks) => new InstantRunner(hooks, lines);
    const run = new BatchRun(context, { claimed, batch: validated, file, createRunner }, Date.now() + LEASE_MS);
    run.setSlots(WINDOW);
    const end = await measured('pump: run', lines, () => run.run());
    if (end.kind !== 'done') throw new Error(`the run ended as ${end.kind}`);
    const bytes = end.outputPieces.reduce((sum, piece) => sum + piece.bytes, 0);
    print({ what: 'pump: output', lines: run.endedLines, MiB: bytes / 2 ** 20 });
  } finally {
    await database.destroy();
    rmSync(directory, { recursive: true, force: true });
  }
}

class InstantRunner implements LineRunner {
  readonly #hooks: LineRunnerHooks;
  readonly #sampleEvery: number;
  #done = 0;

  constructor(hooks: LineRunnerHooks, lines: number) {
    this.#hooks = hooks;
    this.#sampleEvery = lines / SAMPLES;
  }

  async start(lines: readonly RunnableLine[]): Promise<void> {
    for (const line of lines) {
      const requestId = `req_0000000000000000${line.number}`;
      this.#hooks.onResult(line, { kind: 'answered', requestId, status: 200, body: ANSWER });
      this.#done += 1;
      if (this.#done % this.#sampleEvery === 0) print({ what: 'pump', done: this.#done, ...memory() });
    }
  }

  async join(): Promise<void> {}
  stop(): void {}
  async forget(): Promise<void> {}
  abandon(): void {}
}

async function measured<T>(what: string, lines: number, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await work();
  const seconds = (performance.now() - startedMs) / 1_000;
  print({ what, lines, seconds, lines_per_s: lines / seconds, ...memory() });
  return result;
}

function memory(): Record<string, number> {
  const { rss, heapUsed } = process.memoryUsage();
  return { rss_MiB: Math.round(rss / 2 ** 20), heap_MiB: Math.round(heapUsed / 2 ** 20) };
}

function fileOf(bytes: number, store: string): StoredFile {
  const pieces = [{ key: 'file-bench', bytes }];
  const createdAtMs = Date.now();
  const filename = 'input.jsonl';
  return {
    id: 'file-bench',
    keyId: KEY_ID,
    purpose: 'batch',
    filename,
    bytes,
    createdAtMs,
    expiresAtMs: null,
    isInternal: false,
    store,
    pieces,
  };
}

function newBatch({ id, keyId }: StoredFile) {
  return {
    id: 'batch_bench',
    keyId,
    endpoint: '/v1/chat/completions',
    inputFileId: id,
    completionWindow: '24h',
    outputExpiresAfterSeconds: null,
    metadata: null,
    createdAtMs: Date.now(),
    expiresAtMs: Date.now() + 24 * LEASE_MS,
  };
}
