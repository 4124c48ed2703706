// Secrets that must be read back (signing needs them), encrypted for the database: AES-256-GCM with a key from the
// environment. Without a key they are stored in plain text, and every reader of the database can sign.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** Warning wherever a receiver is registered without a key. */
export const PLAIN_SECRETS =
  'webhook secrets are stored unencrypted: everyone who can read the database can sign events; set SLUICE_SECRETS_KEY';

export interface SecretBox {
  /** False without a key: secrets are stored in plain text. */
  isSealing: boolean;
  /** @param context what the secret belongs to, so that a sealed text moved to another row does not open. */
  seal(secret: string, context: string): string;
  /** Throws an Error, which does not contain the secret, if no key opens it. */
  open(stored: string, context: string): string;
}

const PLAIN = 'plain:';
const SEALED = 'v1:';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @param keys from SLUICE_SECRETS_KEY, high-entropy texts separated by commas: the first seals, each can open, so that a
 * key can be replaced step by step.
 */
export function createSecretBox(keys: string | undefined): SecretBox {
  const derived = (keys ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => Buffer.from(hkdfSync('sha256', text, '', 'sluice webhook secrets', KEY_BYTES)));
  return {
    isSealing: derived.length > 0,
    seal(secret, context) {
      const key = derived[0];
      if (key === undefined) return PLAIN + secret;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context));
      const text = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return SEALED + text.toString('base64');
    },
    open(stored, context) {
      if (stored.startsWith(PLAIN)) return stored.slice(PLAIN.length);
      const bytes = Buffer.from(stored.slice(SEALED.length), 'base64');
      for (const key of derived) {
        const secret = tryOpen(key, bytes, context);
        if (secret !== null) return secret;
      }
      throw new Error('its secret cannot be decrypted: it was encrypted with another SLUICE_SECRETS_KEY');
    },
  };
}

export function isPlain(stored: string): boolean {
  return stored.startsWith(PLAIN);
}

function tryOpen(key: Buffer, bytes: Buffer, context: string): string | null {
  const end = bytes.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(end));
    return decipher.update(bytes.subarray(NONCE_BYTES, end), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return null;
  }
}
