// Decides which batches this process runs and how many lines of each may be in flight. Every process reads the same rows
// twice a second and computes the same shares; a lease determines which process owns a batch.
import { type ApiKey, batchWeightOf } from '#src/accounts/api-key.ts';
import { type Batch, endedLines } from '#src/batches/batch.ts';
import { forecast, RateMeter, shareSlots } from '#src/batches/pacing.ts';
import { type ActiveBatch, type ClaimedRun, LeaseLost } from '#src/batches/run-store.ts';
import type { BatchContext } from './batch-context.ts';
import type { BatchRun } from './batch-run.ts';
import { runBatch } from './run-batch.ts';

export interface Engine {
  /** Time since the last complete tick. */
  silentMs(): number;
  /** Stores the results so far and releases the batches; resolves when none is running. */
  stop(): Promise<void>;
}

/** A batch whose process was killed is taken over after this time. */
const LEASE_MS = 12_000;
const RENEW_MS = 3_000;
/** No line is started in the last part of a lease: clocks differ, and a frozen process wakes up late. */
const LEASE_MARGIN_MS = 4_000;
const TICK_MS = 500;
/** Batches that one process validates or runs at once; others wait, the earliest deadline first. */
const MAX_RUNS = 48;
const MAX_CLAIMS_PER_TICK = 4;
/** Pause before a batch that failed to run (its file store is down) is claimed again. */
const TROUBLE_MS = 5_000;
const FORECAST_EVERY_MS = 10_000;

interface OwnedBatch {
  claimed: ClaimedRun;
  batch: Batch;
  /** Null while it is validated. */
  run: BatchRun | null;
  leaseUntilMs: number;
  renewedAtMs: number;
  forecastAtMs: number;
  isAtRisk: boolean;
  ended: Promise<void>;
}

export function startEngine(context: BatchContext): Engine {
  const engine = new BatchEngine(context);
  engine.start();
  return { silentMs: () => engine.silentMs, stop: () => engine.stop() };
}

class BatchEngine {
  readonly #context: BatchContext;
  readonly #owned = new Map<string, OwnedBatch>();
  readonly #meters = new Map<string, RateMeter>();
  /** Batch id → unix ms before which it is not claimed again. */
  readonly #troubled = new Map<string, number>();
  /** Batch id → the reason that was logged last. */
  readonly #warned = new Map<string, string>();
  #isStopping = false;
  #lookedAtMs = performance.now();
  #loop: Promise<void> = Promise.resolve();

  constructor(context: BatchContext) {
    this.#context = context;
  }

  get silentMs(): number {
    return performance.now() - this.#lookedAtMs;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    for (const { run } of this.#owned.values()) run?.leave();
    await Promise.all([...this.#owned.values()].map(({ ended }) => ended));
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#tick();
        this.#lookedAtMs = performance.now();
      } catch (error) {
        this.#context.onTrouble(error as Error);
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  async #tick(): Promise<void> {
    await this.#renewLeases();
    const active = await this.#context.runs.listActive();
    this.#measure(active);
    await this.#follow(active);
    await this.#claim(active);
    await this.#shareOut(active);
    this.#context.metrics.ownedBatches(this.#owned.size);
    const runs = [...this.#owned.values()].flatMap(({ run }) => run ?? []);
    this.#context.metrics.openLines(runs.reduce((sum, { openCount }) => sum + openCount, 0));
    this.#context.metrics.providerLines(runs.reduce((sum, { parkedCount }) => sum + parkedCount, 0));
  }

  async #renewLeases(): Promise<void> {
    for (const owned of this.#owned.values()) {
      if (Date.now() - owned.renewedAtMs < RENEW_MS) continue;
      const askedAtMs = Date.now();
      const isOurs = await this.#context.runs.renew(owned.claimed.lease, LEASE_MS);
      // Unless the batch has just ended.
      if (!isOurs) {
        if (this.#owned.get(owned.batch.id) === owned) await owned.run?.abandon();
        continue;
      }
      owned.renewedAtMs = askedAtMs;
      owned.leaseUntilMs = askedAtMs + LEASE_MS;
      owned.run?.setLease(owned.leaseUntilMs - LEASE_MARGIN_MS);
    }
  }

  #measure(active: readonly ActiveBatch[]): void {
    const now = Date.now();
    const ids = new Set(active.map(({ batch }) => batch.id));
    for (const known of [this.#meters, this.#troubled, this.#warned]) {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    }
    for (const { batch } of active) {
      const meter = this.#meters.get(batch.id) ?? new RateMeter();
      this.#meters.set(batch.id, meter);
      meter.note(endedLines(batch), now);
    }
  }

  /** Stops batches that were cancelled, or whose key was revoked. */
  async #follow(active: readonly ActiveBatch[]): Promise<void> {
    for (const { batch } of active) {
      const run = this.#owned.get(batch.id)?.run;
      if (run === undefined || run === null) continue;
      if (batch.status === 'cancelling' || (await this.#context.findKey(batch.keyId)) === null) run.stop('cancelled');
    }
  }

  async #claim(active: readonly ActiveBatch[]): Promise<void> {
    const now = Date.now();
    const free = active.filter(
      ({ batch, store, owner, leaseUntilMs }) =>
        store === this.#context.blobs.id &&
        (owner === null || leaseUntilMs < now) &&
        !this.#owned.has(batch.id) &&
        (this.#troubled.get(batch.id) ?? 0) < now,
    );
    // A few at a time, so that batches spread over the processes.
    for (const { batch } of free.slice(0, MAX_CLAIMS_PER_TICK)) {
      if (this.#isStopping || this.#owned.size >= MAX_RUNS) return;
      const claimed = await this.#context.runs.claim(batch, this.#context.instanceId, LEASE_MS);
      if (claimed === null) continue;
      const { epoch } = claimed.lease;
      this.#context.logger.info({ batch: batch.id, epoch }, epoch === 1 ? 'batch claimed' : 'batch taken over');
      await this.#own(claimed, batch);
    }
  }

  async #own(claimed: ClaimedRun, batch: Batch): Promise<void> {
    // Looked up before the batch is owned, since an owned batch without a run would never end. The batch of a revoked
    // key is claimed too, to be cancelled.
    const key = (await this.#context.findKey(batch.keyId)) ?? (await this.#context.keys.findById(batch.keyId));
    const now = Date.now();
    if (key === null) {
      this.#troubled.set(batch.id, now + TROUBLE_MS);
      this.#warn(batch, new Error(`its API key ${batch.keyId} does not exist`));
      return;
    }
    const owned: OwnedBatch = {
      claimed,
      batch,
      run: null,
      leaseUntilMs: now + LEASE_MS,
      renewedAtMs: now,
      forecastAtMs: 0,
      isAtRisk: batch.isAtRisk,
      ended: Promise.resolve(),
    };
    this.#owned.set(batch.id, owned);
    owned.ended = this.#work(owned, key).finally(() => this.#owned.delete(batch.id));
  }

  async #work(owned: OwnedBatch, key: ApiKey): Promise<void> {
    const { claimed, batch } = owned;
    const { runs } = this.#context;
    try {
      await runBatch({
        context: this.#context,
        claimed,
        batch,
        key,
        leaseUntilMs: () => owned.leaseUntilMs - LEASE_MARGIN_MS,
        onRunning: (run) => {
          owned.run = run;
          this.#warned.delete(batch.id);
          if (this.#isStopping) run.leave();
        },
      });
    } catch (error) {
      if (error instanceof LeaseLost) return;
      this.#warn(batch, error as Error);
      this.#troubled.set(batch.id, Date.now() + TROUBLE_MS);
    }
    // Without a release the lease expires.
    await runs.release(claimed.lease).catch((error: Error) => this.#context.onTrouble(error));
  }

  /** Logged once for each reason, not at every try. */
  #warn({ id }: Batch, error: Error): void {
    if (this.#warned.get(id) === error.message) return;
    this.#warned.set(id, error.message);
    this.#context.logger.error({ err: error, batch: id }, 'a batch cannot run; it will be retried');
  }

  async #shareOut(active: readonly ActiveBatch[]): Promise<void> {
    const now = Date.now();
    const running = active.filter(({ batch }) => batch.status === 'in_progress');
    const claims = await Promise.all(
      running.map(async ({ batch }) => ({
        batchId: batch.id,
        keyId: batch.keyId,
        weight: weightOf(await this.#context.findKey(batch.keyId)),
        deadlineAtMs: batch.expiresAtMs,
        remaining: Math.max(1, batch.total - endedLines(batch)),
      })),
    );
    const rate = claims.reduce((sum, { batchId }) => sum + (this.#meters.get(batchId)?.rate ?? 0), 0);
    const shares = shareSlots(claims, this.#context.configuration.batches.open_lines, rate, now);
    for (const { batch } of running) {
      const owned = this.#owned.get(batch.id);
      if (!owned?.run) continue;
      owned.run.setSlots(shares.get(batch.id)!);
      this.#foretell(owned, batch, now);
    }
  }

  #foretell(owned: OwnedBatch, batch: Batch, now: number): void {
    // A provider's own batch ends all at once: the rate until then does not predict its end.
    const rate = owned.run?.parkedCount ? null : (this.#meters.get(batch.id)?.rate ?? null);
    const next = forecast(
      {
        rate,
        remaining: batch.total - endedLines(batch),
        startedAtMs: batch.inProgressAtMs ?? batch.createdAtMs,
        deadlineAtMs: batch.expiresAtMs,
      },
      now,
    );
    if (next.isAtRisk === owned.isAtRisk && now - owned.forecastAtMs < FORECAST_EVERY_MS) return;
    owned.isAtRisk = next.isAtRisk;
    owned.forecastAtMs = now;
    owned.run?.setForecast(next);
  }
}

function weightOf(key: ApiKey | null): number {
  return key === null ? 1 : batchWeightOf(key);
}
