// `encrypted_content` of reasoning items: the model's reasoning, readable only by its provider. Encrypted with a key derived from
// the simulator's name, so that without any stored state it cannot be altered or used at another provider.
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/** The beginning of the provider's encrypted texts. */
const MARK = 'gAAAAA';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param occasion varies the result for the same text, as the provider's differs between events of one answer. */
export function sealReasoning(text: string, providerName: string, occasion: string): string {
  const nonce = createHash('sha256').update(`${occasion} ${text}`).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(providerName), nonce);
  const hidden = Buffer.concat([cipher.update(text), cipher.final()]);
  return MARK + Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64url');
}

/** The text; null if it is not an unchanged encrypted text of this provider. */
export function openReasoning(sealed: string, providerName: string): string | null {
  const bytes = Buffer.from(sealed.slice(MARK.length), 'base64url');
  if (!sealed.startsWith(MARK) || bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(CIPHER, keyOf(providerName), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return null;
  }
}

function keyOf(providerName: string): Buffer {
  return createHash('sha256').update(`reasoning of ${providerName}`).digest();
}
