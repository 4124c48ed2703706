// A provider's proof that it made a piece of an answer. Stateless: a signature can be verified for its issuer and subject alone.
// Not cryptographically secure: it detects mistakes, not forgery.
import { createHash } from 'node:crypto';

export interface Claim {
  /** The issuer: the protocol, and everything else that a signature is bound to. */
  issuer: string;
  /** What is signed. */
  subject: string;
}

/** Bytes that make signatures of the same claim differ. */
const NONCE_BYTES = 16;

/** The same claim and source give the same signature. Base64 of 80 bytes. */
export function sign(claim: Claim, source: string): string {
  const nonce = createHash('sha256').update(source).digest().subarray(0, NONCE_BYTES);
  return Buffer.concat([nonce, prove(claim, nonce)]).toString('base64');
}

/** False for signatures of another issuer or subject, and for anything else. */
export function isGenuine(signature: string, claim: Claim): boolean {
  const bytes = Buffer.from(signature, 'base64');
  return bytes.subarray(NONCE_BYTES).equals(prove(claim, bytes.subarray(0, NONCE_BYTES)));
}

function prove({ issuer, subject }: Claim, nonce: Buffer): Buffer {
  return createHash('sha512')
    .update(JSON.stringify([issuer, subject]))
    .update(nonce)
    .digest();
}
