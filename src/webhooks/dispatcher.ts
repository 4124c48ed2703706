// Delivers events to endpoints: polls for committed events, turns them into deliveries, and attempts those that are due.
// At least once: if a process dies between an answer and its record, the event is sent again with the same webhook-id.
// Any number of processes may run a dispatcher; a lease gives each delivery to one of them.
import type { Logger } from '../telemetry/logger.ts';
import type { WebhookMetrics } from '../telemetry/metrics.ts';
import { createTroubleLog } from '../telemetry/trouble-log.ts';
import type { DeliveryStore, WebhookDelivery } from './delivery-store.ts';
import type { EndpointStore } from './endpoint-store.ts';
import type { SendOutcome, WebhookSender } from './send-webhook.ts';

export interface DispatcherOptions {
  /** Identifies this process in leases. */
  owner: string;
  fanOut: () => Promise<number>;
  endpoints: EndpointStore;
  deliveries: DeliveryStore;
  sender: WebhookSender;
  settings: RetrySettings & { timeoutMs: number; concurrency: number; keepMs: number };
  logger: Logger;
  metrics: WebhookMetrics;
  /** Polling interval; default: one second. */
  pollMs?: number;
}

export interface Dispatcher {
  /** Time since the last successful poll. */
  silentMs(): number;
  /** Claims nothing more and waits up to five seconds for attempts in flight; other processes repeat the rest later. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
/** After a failed query: short at first (two processes' updates conflicted), longer while SQL is unavailable. */
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** Lease time beyond the attempt's timeout: for connecting, recording and clocks that differ. */
const LEASE_MARGIN_MS = 30_000;
const STOP_WAIT_MS = 5_000;
const PER_ENDPOINT = 4;
const HOUSEKEEPING_MS = 15_000;
const PRUNE_MS = 3_600_000;

export function startDispatcher(options: DispatcherOptions): Dispatcher {
  const { owner, deliveries, settings, logger, metrics } = options;
  const trouble = createTroubleLog(logger, 'the database: webhooks wait');
  const running = new Map<Promise<void>, string>();
  let isStopping = false;
  /** Something has changed since the last poll began: the next one does not wait. */
  let isDueNow = false;
  let wake = () => {};
  let polledAtMs = performance.now();
  let housekeptAtMs = 0;
  let prunedAtMs = Date.now();

  function pollNow(): void {
    isDueNow = true;
    wake();
  }

  async function poll(): Promise<void> {
    while ((await options.fanOut()) > 0 && !isStopping);
    const limit = settings.concurrency - running.size;
    if (limit <= 0 || isStopping) return;
    const claimed = await deliveries.claim({
      owner,
      leaseMs: settings.timeoutMs + LEASE_MARGIN_MS,
      limit,
      perEndpoint: PER_ENDPOINT,
      except: busyEndpoints(),
    });
    for (const delivery of claimed) begin(delivery);
    await housekeep();
  }

  function busyEndpoints(): string[] {
    const counts = new Map<string, number>();
    for (const id of running.values()) counts.set(id, (counts.get(id) ?? 0) + 1);
    return [...counts].filter(([, count]) => count >= PER_ENDPOINT).map(([id]) => id);
  }

  function begin(delivery: WebhookDelivery): void {
    const attempt = attemptDelivery(options, delivery)
      // Without a record the lease expires, and the delivery is attempted again.
      .catch((error: Error) =>
        logger.warn({ err: error, delivery: delivery.id }, 'a webhook attempt could not be recorded'),
      )
      .finally(() => {
        running.delete(attempt);
        // The free slot may be used at once.
        pollNow();
      });
    running.set(attempt, delivery.endpointId);
  }

  async function housekeep(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - housekeptAtMs < HOUSEKEEPING_MS) return;
    housekeptAtMs = nowMs;
    metrics.pending(await deliveries.countPending());
    if (nowMs - prunedAtMs < PRUNE_MS) return;
    prunedAtMs = nowMs;
    await deliveries.prune(nowMs - settings.keepMs);
  }

  async function loop(): Promise<void> {
    let failures = 0;
    while (!isStopping) {
      isDueNow = false;
      const waitMs = await poll().then(
        () => {
          failures = 0;
          polledAtMs = performance.now();
          return options.pollMs ?? POLL_MS;
        },
        (error: Error) => {
          failures += 1;
          const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures);
          trouble.note(error);
          return backoffMs;
        },
      );
      if (isStopping || isDueNow) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  const looping = loop();
  return {
    silentMs: () => performance.now() - polledAtMs,
    async stop() {
      isStopping = true;
      pollNow();
      await looping;
      const tooLong = new Promise<void>((resolve) => setTimeout(resolve, STOP_WAIT_MS).unref());
      await Promise.race([Promise.all(running.keys()), tooLong]);
    },
  };
}

async function attemptDelivery(options: DispatcherOptions, delivery: WebhookDelivery): Promise<void> {
  const startedAtMs = performance.now();
  const outcome = await sendTo(options, delivery);
  const waitMs = waitAfter(outcome, delivery.attempts + 1, options.settings);
  const state = outcome.kind === 'delivered' ? 'delivered' : waitMs === null ? 'failed' : 'pending';
  const error = outcome.kind === 'failed' ? outcome.error : outcome.kind === 'gone' ? 'status 410' : null;
  options.metrics.attempt(outcome.kind, (performance.now() - startedAtMs) / 1_000);
  const { id, eventId, eventType, endpointId } = delivery;
  const facts = { delivery: id, event: eventId, type: eventType, endpoint: endpointId, status: outcome.status, error };
  options.logger.info({ ...facts, state, retry_in_ms: waitMs }, 'webhook');
  if (outcome.kind === 'gone') await options.endpoints.disable(endpointId, 'it responded with 410 Gone');
  await options.deliveries.record(id, options.owner, {
    state,
    nextAttemptAtMs: Date.now() + (waitMs ?? 0),
    status: outcome.status,
    error,
  });
}

/** Null if there is no next attempt. */
function waitAfter(outcome: SendOutcome | Undeliverable, made: number, settings: RetrySettings): number | null {
  if (outcome.kind !== 'failed') return null;
  return 'isFinal' in outcome ? null : nextWaitMs(made, settings, outcome.retryAfterMs, Math.random());
}

interface Undeliverable {
  kind: 'failed';
  isFinal: true;
  status: null;
  error: string;
}

async function sendTo(
  { endpoints, sender }: DispatcherOptions,
  { endpointId, eventId, body }: WebhookDelivery,
): Promise<SendOutcome | Undeliverable> {
  const undeliverable = (error: string): Undeliverable => ({ kind: 'failed', isFinal: true, status: null, error });
  const endpoint = await endpoints.find(endpointId);
  if (endpoint === null) return undeliverable('its endpoint was removed');
  if (endpoint.disabledAtMs !== null) return undeliverable(`its endpoint is disabled: ${endpoint.disabledReason}`);
  const secret = await endpoints.readSecret(endpointId).catch((error: Error) => error);
  // Retried, because another process may have the right key, or this one after a restart.
  if (secret instanceof Error) return { kind: 'failed', status: null, error: secret.message, retryAfterMs: null };
  return sender.send({ url: endpoint.url, secret, webhookId: eventId, body });
}

export interface RetrySettings {
  /** Total number of attempts, the first included. */
  attempts: number;
  /** Backoff after the first failure. */
  firstRetryMs: number;
}

const FACTOR = 3;
/** With the defaults (11 attempts, 5 s) the last one comes 23.7 hours after the first. */
export const LONGEST_WAIT_MS = 10 * 3_600_000;
/** A fifth in either direction, so that receivers that failed together are not retried together. */
const JITTER = 0.2;

/**
 * Backoff in milliseconds, or null after the last attempt. Pure.
 * @param made attempts so far, the failed one included
 * @param askedMs the wait that the receiver asked for; used if it is longer
 * @param random 0 to 1
 */
export function nextWaitMs(
  made: number,
  { attempts, firstRetryMs }: RetrySettings,
  askedMs: number | null,
  random: number,
): number | null {
  if (made >= attempts) return null;
  const planned = Math.min(LONGEST_WAIT_MS, firstRetryMs * FACTOR ** (made - 1));
  const jittered = planned * (1 + JITTER * (2 * random - 1));
  return Math.round(Math.max(jittered, Math.min(askedMs ?? 0, LONGEST_WAIT_MS)));
}
