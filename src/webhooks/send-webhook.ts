// One delivery attempt: signed as specified by Standard Webhooks, bounded in time, never redirected.
import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';
import type { AddressGuard } from './address-guard.ts';

export interface Message {
  url: string;
  secret: string;
  /** The same on every attempt, so that receivers recognize repeats. */
  webhookId: string;
  body: string;
}

/**
 * - `delivered`: a 2xx. `gone`: 410, the receiver has unsubscribed.
 * - `failed`: everything else; `status` is null if there was no answer.
 */
export type SendOutcome =
  | { kind: 'delivered' | 'gone'; status: number }
  | { kind: 'failed'; status: number | null; error: string; retryAfterMs: number | null };

export interface WebhookSender {
  /** Never rejects. */
  send(message: Message): Promise<SendOutcome>;
  /** Aborts attempts in flight. */
  close(): Promise<void>;
}

/** The answer's body is not used; up to this much is read so that the connection can be kept. */
const MAX_ANSWER_BYTES = 16 * 1024;
const HTTP_GONE = 410;

export function createWebhookSender(settings: { timeoutMs: number; guard: AddressGuard }): WebhookSender {
  const { timeoutMs, guard } = settings;
  const agent = new Agent({ connect: { lookup: guard.lookup, timeout: timeoutMs } });
  return {
    async send(message) {
      try {
        guard.checkUrl(message.url);
        const { statusCode, headers, body } = await request(message.url, {
          method: 'POST',
          dispatcher: agent,
          headers: { 'content-type': 'application/json', 'user-agent': 'Sluice-Webhooks/1', ...sign(message) },
          body: message.body,
          signal: AbortSignal.timeout(timeoutMs),
        });
        // Only the status counts; a broken body does not matter.
        await body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
        return readAnswer(statusCode, headers['retry-after']);
      } catch (error) {
        return { kind: 'failed', status: null, error: describe(error as Error, timeoutMs), retryAfterMs: null };
      }
    },
    close: () => agent.destroy(),
  };
}

/** The timestamp is that of the attempt: receivers refuse messages older than five minutes. */
function sign({ secret, webhookId, body }: Message): Record<string, string> {
  const now = new Date();
  return {
    'webhook-id': webhookId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(webhookId, now, body),
  };
}

function readAnswer(status: number, retryAfter: string | string[] | undefined): SendOutcome {
  if (status >= 200 && status < 300) return { kind: 'delivered', status };
  if (status === HTTP_GONE) return { kind: 'gone', status };
  const seconds = Number(retryAfter);
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null;
  const error = status >= 300 && status < 400 ? `it redirects (${status}); register the final URL` : `status ${status}`;
  return { kind: 'failed', status, error, retryAfterMs };
}

function describe(error: Error & { code?: string }, timeoutMs: number): string {
  if (error.name === 'TimeoutError') return `no response within ${timeoutMs} ms`;
  // The name or code of a network error is enough; its message may contain the URL.
  return error.name === 'AddressRefused' ? error.message : (error.code ?? error.name);
}
