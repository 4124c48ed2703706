// What a Gemini provider cannot be told, on its way out of a nested encoder. Caught in encode-request.ts; never leaves this
// folder.
import type { Refusal, RequestField } from '../codec.ts';

export class RefusalError extends Error {
  readonly refusal: Refusal;

  constructor(field: RequestField, reason: string) {
    super(reason);
    this.name = 'RefusalError';
    this.refusal = { kind: 'refusal', field, reason };
  }
}
