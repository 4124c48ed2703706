// An expected bad outcome, as data: crosses the queue and the reply channel as JSON. What is thrown instead is a bug.
import { FAILURES, type FailureCode, ruleOf } from './failure-table.ts';

export interface Failure {
  code: FailureCode;
  /** For the client: says what happened and what to do. Never holds a credential or a prompt. */
  message: string;
  /** Dotted path of the offending field, for invalid requests. */
  param?: string;
  /** What the provider asked to wait, or what the broker computed. Milliseconds. */
  retryAfterMs?: number;
  /** The provider limits the broker's credential as a whole, not the one model that was asked for. */
  limits?: 'credential';
  /** HTTP status of the provider's answer, where there was one. */
  upstreamStatus?: number;
  /** The provider's own error code, shown to the client in place of the table's. */
  upstreamCode?: string;
  /** The `details` of the provider's error, for a client of the same protocol: SDKs decide by them how to go on. */
  details?: FailureDetails;
  /** Configured name of the provider that failed. */
  provider?: string;
  /** The same provider would take the request in another form. */
  cure?: Cure;
}

/** Anthropic's are an object, Google's a list of them. */
export type FailureDetails = Record<string, unknown> | Record<string, unknown>[];

/**
 * - `adapt`: the model refuses what others of its provider take. Where the request was passed through as it is, it is said
 *   again by what is known of the model.
 * - `fit`: a name, an id or the base64 of a file in this request is longer or stranger than this provider takes, which
 *   passing it through left so.
 * - `forget-thoughts`: signed thoughts of another model or account, or none where this one wants its own.
 * - `summarize`: it has no address that makes conversations short; its model can be asked for a summary.
 * - `without:…`: a member that only tunes the answer, which this model refuses although nothing is known of it.
 */
export type Cure = 'adapt' | 'fit' | 'forget-thoughts' | 'summarize' | `without:${string}`;

export function createFailure(
  code: FailureCode,
  message: string,
  more: Omit<Failure, 'code' | 'message'> = {},
): Failure {
  return { code, message, ...more };
}

/** Tells a failure from the value that a function gives where all is well. */
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
