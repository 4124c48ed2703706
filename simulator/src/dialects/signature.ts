// A provider's proof that it made a piece of an answer. Nothing is kept: a signature proves itself, to the issuer that made
// it and for the subject that it was made for. Not secret: this keeps careless software honest, not forgers.
import { createHash } from 'node:crypto';

export interface Claim {
  /** Who signs: protocol, and whatever else a signature does not outlive. */
  issuer: string;
  /** What is signed. */
  subject: string;
}

/** Bytes that tell two signatures of the same claim apart. */
const NONCE_BYTES = 16;

/** The same claim and source give the same signature. Base64 of 80 bytes. */
export function sign(claim: Claim, source: string): string {
  const nonce = createHash('sha256').update(source).digest().subarray(0, NONCE_BYTES);
  return Buffer.concat([nonce, prove(claim, nonce)]).toString('base64');
}

/** False for what another issuer has signed, for another subject, and for everything else. */
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
