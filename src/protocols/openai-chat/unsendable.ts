import type { Refusal, RequestField } from '../codec.ts';

/** Carries a `Refusal` out of the depth of an encoder. Not a bug, never leaves this folder. */
export class Unsendable extends Error {
  readonly refusal: Refusal;

  constructor(field: RequestField, reason: string) {
    super(reason);
    this.refusal = { kind: 'refusal', field, reason };
  }
}
