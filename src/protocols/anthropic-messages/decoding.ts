// What is found while a client's request is decoded, beside the request: what cannot be said in the canonical form, and
// the first thing that is wrong.
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { JsonObject } from '../codec.ts';

export class Decoding {
  /** By the client's name: dropped when translated, and named as such. */
  readonly unmapped: JsonObject = {};
  failure: Failure | null = null;

  /** The request cannot be understood; `param` is the path as Anthropic writes it: `messages.0.content.1.type`. */
  fail(param: string, problem: string): void {
    this.failure ??= createFailure('request_invalid', `${param}: ${problem}`, { param });
  }
}
