// An expected bad outcome, as data: crosses the queue and the reply channel as JSON. Anything thrown is a bug.
import { FAILURES, type FailureCode, ruleOf } from './failure-table.ts';

export interface Failure {
  code: FailureCode;
  /** For the client: what happened and what to do. Never contains a credential or a prompt. */
  message: string;
  /** Dotted path of the offending field, for invalid requests. */
  param?: string;
  /** The wait that the provider asked for, or that the broker computed. Milliseconds. */
  retryAfterMs?: number;
  /** The provider limits the broker's credential as a whole, not only the requested model. */
  limits?: 'credential';
  /** HTTP status of the provider's answer, if there was one. */
  upstreamStatus?: number;
  /** The provider's own error code, shown to the client in place of the table's. */
  upstreamCode?: string;
  /** The `details` of the provider's error, for a client of the same protocol: SDKs act on them. */
  details?: FailureDetails;
  /** Configured name of the provider that failed. */
  provider?: string;
  /** A change to the request with which the same provider may accept it. */
  cure?: Cure;
}

/** Anthropic's are an object, Google's a list of them. */
export type FailureDetails = Record<string, unknown> | Record<string, unknown>[];

/**
 * - `adapt`: the model refuses what its provider's other models accept. A request that was passed through is re-encoded by what
 *   is known about the model.
 * - `fit`: a name, an id or a file's base64 that was passed through is too long for this provider, or in a form that it refuses.
 *   The request is re-encoded within the provider's bounds.
 * - `forget-thoughts`: the request has signed reasoning of another model or account, or lacks the reasoning that this model
 *   demands. It is sent without reasoning.
 * - `summarize`: the provider has no endpoint that compacts conversations. Its model is asked for a summary instead.
 * - `without:…`: this model unexpectedly refuses a member that only tunes the answer. It is left out.
 */
export type Cure = 'adapt' | 'fit' | 'forget-thoughts' | 'summarize' | `without:${string}`;

export function createFailure(
  code: FailureCode,
  message: string,
  more: Omit<Failure, 'code' | 'message'> = {},
): Failure {
  return { code, message, ...more };
}

/** Tells a failure from the value that a function returns on success. */
export function isFailure(value: object): value is Failure {
  return 'code' in value && 'message' in value && Object.hasOwn(FAILURES, (value as Failure).code);
}

/** Carries a `Failure` through code that can only throw (Fastify hooks, stream callbacks). Not a bug, has no stack. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'FailureError';
    this.failure = failure;
  }
}

/** The failure that tells the client most: highest rank, the later one among equals. `failures` must not be empty. */
export function mostUseful(failures: readonly Failure[]): Failure {
  return failures.reduce((best, next) => (ruleOf(next.code).rank >= ruleOf(best.code).rank ? next : best));
}
