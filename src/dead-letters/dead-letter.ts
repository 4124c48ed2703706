// Dead letters: requests that failed for good, as they are stored, and the sealing of their bodies.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { DeadLetterSettings } from '../config/server-schema.ts';
import type { DeadLetterNotice } from '../contracts/dead-letter.ts';
import type { RequestOutcome } from '../contracts/ledger-entry.ts';
import type { RequestSpec, TimelinePart } from '../contracts/request-record.ts';

export interface DeadLetter extends DeadLetterNotice {
  spec: RequestSpec;
  /** The provider that failed it; null if none was called. */
  provider: string | null;
  failedAtMs: number;
  attempts: number;
  costPicoUsd: bigint;
  timeline: readonly TimelinePart[];
  body: Pick<StoredBody, 'form' | 'keyId'>;
}

/** A later request that replaces a dead letter. */
export interface Replay {
  requestId: string;
  replayOf: string;
  /** The model that was requested. */
  model: string;
  createdAtMs: number;
}

/** Selects dead letters: all parts given must match. */
export interface LetterFilter {
  ids?: readonly string[];
  model?: string;
  provider?: string;
  code?: string;
  keyId?: string;
  /** Time of the failure, unix milliseconds; `fromMs` is inclusive, `toMs` exclusive. */
  fromMs?: number;
  toMs?: number;
  /** Only those with (true) or without (false) a replay. */
  isReplayed?: boolean;
}

export function deadLetterOf({ spec, failure }: DeadLetterNotice, outcome: RequestOutcome): Omit<DeadLetter, 'body'> {
  const lastAttempt = outcome.timeline.findLast(({ kind }) => kind === 'attempt');
  return {
    spec,
    failure,
    provider: failure.provider ?? lastAttempt?.provider ?? null,
    failedAtMs: outcome.finishedAtMs,
    attempts: outcome.attempts,
    costPicoUsd: BigInt(outcome.costPicoUsd),
    timeline: outcome.timeline,
  };
}

/**
 * A request body at rest: not kept, plain, or encrypted with AES-256-GCM. A sealed body names its key, so that keys can be
 * replaced, and is bound to its request id, so that it does not open under another one.
 */
export interface StoredBody {
  form: 'none' | 'plain' | 'sealed';
  /** Key that opens a sealed body. */
  keyId: string | null;
  bytes: Uint8Array | null;
}

export interface BodySeal {
  /** False if bodies are not kept, and need not be fetched. */
  keepsBodies: boolean;
  close(body: Buffer | null, requestId: string): StoredBody;
  /** Null if the body was not kept. Throws an Error that says which key is missing, or that the body was changed. */
  open(stored: StoredBody, requestId: string): Buffer | null;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_CHARS = 12;
const NOTHING: StoredBody = { form: 'none', keyId: null, bytes: null };

export function createBodySeal(settings: DeadLetterSettings): BodySeal {
  const { key: keyText, earlier_keys: earlier, bodies } = settings;
  const form = bodies ?? (keyText === undefined ? 'none' : 'encrypted');
  const known = [...(keyText === undefined ? [] : [keyText]), ...earlier].map((text) => Buffer.from(text, 'base64'));
  const keys = new Map(known.map((key) => [keyIdOf(key), key]));
  return {
    keepsBodies: form !== 'none',
    close(body, requestId) {
      if (body === null || form === 'none') return NOTHING;
      return form === 'plain' ? { form, keyId: null, bytes: body } : seal(known[0]!, body, requestId);
    },
    open({ form: storedForm, keyId, bytes }, requestId) {
      if (storedForm === 'none' || bytes === null) return null;
      if (storedForm === 'plain') return Buffer.from(bytes);
      const key = keys.get(keyId ?? '');
      if (key === undefined) throw new Error(`its body is sealed by key ${keyId}, which dead_letters does not have`);
      return unseal(key, Buffer.from(bytes), requestId);
    },
  };
}

/** Identifies a key without revealing anything about it. */
function keyIdOf(key: Buffer): string {
  return createHash('sha256').update('sluice dead letters\n').update(key).digest('hex').slice(0, KEY_ID_CHARS);
}

function seal(key: Buffer, body: Buffer, requestId: string): StoredBody {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(requestId));
  const bytes = Buffer.concat([nonce, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  return { form: 'sealed', keyId: keyIdOf(key), bytes };
}

function unseal(key: Buffer, bytes: Buffer, requestId: string): Buffer {
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(requestId))
    .setAuthTag(bytes.subarray(end));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
  } catch {
    throw new Error('its body has been changed since it was sealed');
  }
}
