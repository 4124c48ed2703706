// A receiver of events: where they go, which ones, and what signs them.
import { hash, randomBytes } from 'node:crypto';

export interface WebhookEndpoint {
  id: string;
  /** `config`: from the configuration file, which is the only place to change it. `admin`: registered at run time. */
  origin: 'config' | 'admin';
  /** Null: events of every key. */
  keyId: string | null;
  url: string;
  /** Event types; a `*` at the end stands for the rest. */
  events: readonly string[];
  createdAtMs: number;
  /** Null: it receives. */
  disabledAtMs: number | null;
  disabledReason: string | null;
}

const SECRET_BYTES = 32;
const CONFIGURED_ID_DIGITS = 20;

/** As Standard Webhooks writes them, for receivers' libraries: `whsec_<base64>`. */
export function createWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

export function createEndpointId(): string {
  return `we_${randomBytes(10).toString('hex')}`;
}

/** The same in every process and at every start, so that what is known of an endpoint stays with it. */
export function configuredEndpointId(url: string, keyId: string | null): string {
  return `we_${hash('sha256', `${keyId ?? ''}\n${url}`, 'hex').slice(0, CONFIGURED_ID_DIGITS)}`;
}

/** Whether an event is for this endpoint. */
export function wantsEvent({ events, keyId }: WebhookEndpoint, event: { type: string; keyId: string }): boolean {
  return (keyId === null || keyId === event.keyId) && events.some((pattern) => matches(pattern, event.type));
}

function matches(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
