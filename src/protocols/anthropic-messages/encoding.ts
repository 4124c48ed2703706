// What is found while a request is encoded, beside the body: fields that are left out, and the first that cannot be.
import type { Refusal, RequestField } from '../codec.ts';

export class Encoding {
  readonly dropped = new Set<RequestField>();
  refusal: Refusal | null = null;

  /** Left out or changed, without changing the meaning of the answer. */
  drop(field: RequestField): void {
    this.dropped.add(field);
  }

  /** `reason` follows "it": "has no audio input". */
  refuse(field: RequestField, reason: string): void {
    this.refusal ??= { kind: 'refusal', field, reason };
  }
}
