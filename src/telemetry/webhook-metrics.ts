// Metrics of webhooks, on the registry of the process that delivers them.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface WebhookMetrics {
  attempt(outcome: 'delivered' | 'gone' | 'failed', seconds: number): void;
  /** All processes together. */
  pending(deliveries: number): void;
}

const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: 'sluice_webhook_attempts_total',
    help: 'Attempts to deliver an event, by outcome: delivered (2xx), gone (410), failed.',
    labelNames: ['outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'sluice_webhook_attempt_duration_seconds',
    help: 'From the call to the answer of the receiver.',
    buckets: BUCKETS,
    registers,
  });
  const pending = new Gauge({
    name: 'sluice_webhook_pending',
    help: 'Deliveries that wait for an attempt, in all processes together.',
    registers,
  });
  return {
    attempt(outcome, seconds) {
      attempts.inc({ outcome });
      duration.observe(seconds);
    },
    pending: (count) => pending.set(count),
  };
}
