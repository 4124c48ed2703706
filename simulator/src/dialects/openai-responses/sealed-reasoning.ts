// `encrypted_content` of reasoning items: what the model thought, for its own provider's eyes only. Really encrypted, with a
// key of the simulator's name, so that nobody keeps anything and yet nothing can be altered or taken to another provider.
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/** How the provider's begin. */
const MARK = 'gAAAAA';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `occasion` gives the same text another form: the provider's, too, differs from event to event of one answer. */
export function sealReasoning(text: string, providerName: string, occasion: string): string {
  const nonce = createHash('sha256').update(`${occasion} ${text}`).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(providerName), nonce);
  const hidden = Buffer.concat([cipher.update(text), cipher.final()]);
  return MARK + Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64url');
}

/** The text, or null for what this provider has not sealed in just this form. */
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
