// Which batches this process runs, and how much of the window each of them has. Every process looks at the same rows
// once a second and comes to the same shares; a lease says whose a batch is.
import type { ApiKey } from '#src/accounts/api-key.ts';
import { type Batch, endedLines } from '#src/batches/batch.ts';
import { forecast, RateMeter } from '#src/batches/forecast.ts';
import { LeaseLost } from '#src/batches/run-changes.ts';
import type { ActiveBatch, ClaimedRun } from '#src/batches/run-store.ts';
import { shareWindow } from '#src/batches/share-window.ts';
import type { BatchContext } from './batch-context.ts';
import type { BatchRun } from './batch-run.ts';
import { runBatch } from './run-batch.ts';

export interface Engine {
  /** Since it has last looked after all batches. */
  silentMs(): number;
  /** Stores what has come, gives the batches back; resolves when nothing runs any more. */
  stop(): Promise<void>;
}

/** A batch whose process was killed is taken over after this. */
const LEASE_MS = 12_000;
const RENEW_MS = 3_000;
/** Nothing new is begun in the last part of a lease: clocks differ, and a frozen process wakes up late. */
const LEASE_MARGIN_MS = 4_000;
const TICK_MS = 500;
/** Of one process, validating or running. More wait, those with the earliest deadlines first. */
const MAX_RUNS = 48;
const MAX_CLAIMS_PER_TICK = 4;
/** A batch that could not go on (its file store is away) is left alone for so long. */
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
  readonly #troubled = new Map<string, number>();
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
      // It may also have ended meanwhile.
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
    for (const id of this.#meters.keys()) if (!ids.has(id)) this.#meters.delete(id);
    for (const { batch } of active) {
      const meter = this.#meters.get(batch.id) ?? new RateMeter();
      this.#meters.set(batch.id, meter);
      meter.note(endedLines(batch), now);
    }
  }

  /** What was decided elsewhere: cancelled by its owner, its key revoked. */
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
    // With several processes each takes a few at a time, so that they spread.
    for (const { batch } of free.slice(0, MAX_CLAIMS_PER_TICK)) {
      if (this.#isStopping || this.#owned.size >= MAX_RUNS) return;
      const claimed = await this.#context.runs.claim(batch, this.#context.instanceId, LEASE_MS);
      if (claimed === null) continue;
      const { epoch } = claimed.lease;
      this.#context.logger.info({ batch: batch.id, epoch }, epoch === 1 ? 'batch taken' : 'batch taken over');
      await this.#own(claimed, batch);
    }
  }

  async #own(claimed: ClaimedRun, batch: Batch): Promise<void> {
    // Before it is owned: what this process owns and does not work on is nobody's. A revoked key's batch is ended in order, as a
    // cancelled one.
    const key = (await this.#context.findKey(batch.keyId)) ?? (await this.#context.keys.findById(batch.keyId));
    const now = Date.now();
    if (key === null) {
      this.#troubled.set(batch.id, now + TROUBLE_MS);
      this.#context.logger.error({ batch: batch.id, key: batch.keyId }, 'a batch waits: its key is not known');
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
    const { logger, runs } = this.#context;
    try {
      await runBatch({
        context: this.#context,
        claimed,
        batch,
        key,
        leaseUntilMs: () => owned.leaseUntilMs - LEASE_MARGIN_MS,
        onRunning: (run) => {
          owned.run = run;
          if (this.#isStopping) run.leave();
        },
      });
    } catch (error) {
      if (error instanceof LeaseLost) return;
      logger.error({ err: error, batch: batch.id }, 'a batch cannot go on; it is tried again');
      this.#troubled.set(batch.id, Date.now() + TROUBLE_MS);
    }
    await runs.release(claimed.lease).catch((error) => logger.warn({ err: error }, 'a lease could not be given back'));
  }

  async #shareOut(active: readonly ActiveBatch[]): Promise<void> {
    const now = Date.now();
    const running = active.filter(({ batch }) => batch.status === 'in_progress');
    const claims = await Promise.all(
      running.map(async ({ batch }) => ({
        batchId: batch.id,
        keyId: batch.keyId,
        weight: (await this.#context.findKey(batch.keyId))?.settings.batchWeight ?? 1,
        deadlineAtMs: batch.expiresAtMs,
        remaining: Math.max(1, batch.total - endedLines(batch)),
      })),
    );
    const rate = claims.reduce((sum, { batchId }) => sum + (this.#meters.get(batchId)?.rate ?? 0), 0);
    const shares = shareWindow(claims, this.#context.configuration.batches.open_lines, rate, now);
    for (const { batch } of running) {
      const owned = this.#owned.get(batch.id);
      if (!owned?.run) continue;
      owned.run.setWindow(shares.get(batch.id)!);
      this.#foretell(owned, batch, now);
    }
  }

  #foretell(owned: OwnedBatch, batch: Batch, now: number): void {
    // Nobody can tell from the present rate while a provider has lines: they come back all at once.
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
