// What one attempt requests from the limiter: the scopes that limit it (its provider, its deployment, what the provider limits as
// a model, its key and the accounts above it) and the amounts that it takes of each.
import type { Deployment } from '../config/catalogue.ts';
import type { Credential } from '../config/credentials.ts';
import { attemptId } from '../contracts/ids.ts';
import { type Amounts, kindsIn, type Limits } from '../contracts/limit-kinds.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import { circuitOf, type RouteStep } from '../contracts/route-plan.ts';
import { accountScopesOf, modelScopeName, type Scope } from '../contracts/scope.ts';
import { ownerOf, type Turn, turnOrder } from '../contracts/turn.ts';
import type { LearnedLimits } from './learned-limits.ts';

/** The target of an attempt. */
export interface AttemptPlace {
  deployment: Deployment;
  step: RouteStep;
  /** Null if the provider has no named credentials. */
  credential: Credential | null;
  spec: Pick<RequestSpec, 'keyScope' | 'accountScopes'>;
}

export function attemptScopes(
  learned: Pick<LearnedLimits, 'scopeOf'>,
  { deployment, step, credential, spec }: AttemptPlace,
): Scope[] {
  const ofModel = modelScope(deployment, step, credential);
  const { scope, provider } = deployment;
  const scopes = [provider.scope];
  if (credential !== null) scopes.push(credential.scope);
  if (ofModel !== scope) scopes.push(scope);
  // Limits configured for all credentials together do not apply to a single one.
  const configured = credential?.scope.limits ?? { ...provider.scope.limits, ...scope.limits };
  scopes.push(provider.learnsLimits ? learned.scopeOf(ofModel, configured) : ofModel);
  scopes.push(...accountScopesOf(spec));
  return scopes;
}

const NO_LIMITS: Limits = Object.freeze({});

/**
 * The scope that a provider's per-model limits apply to. Each model of a wildcard deployment and each of several credentials has
 * a separate scope without configured limits, which holds the provider's waits and the learned limits.
 */
export function modelScope(deployment: Deployment, step: RouteStep, credential: Credential | null): Scope {
  if (credential !== null) return { name: modelScopeName(circuitOf(step), credential.name), limits: NO_LIMITS };
  if (!deployment.upstreamModel.includes('*')) return deployment.scope;
  return { name: modelScopeName(circuitOf({ ...step, isWildcard: true })), limits: NO_LIMITS };
}

export interface PermitTerms {
  attemptId: string;
  /** Identifies it in the scopes' rooms, for all its deliveries. */
  requestId: string;
  scopes: readonly Scope[];
  /** The credential that these scopes belong to, if the provider has several. */
  credential?: string;
  /** Unix ms. */
  acceptedAtMs: number;
  /** If absent, by time of acceptance, sharing one owner with all others without a turn. */
  turn?: Turn;
  isBatch: boolean;
  /** A hedge: granted at once or denied, without waiting. */
  isBeside?: true;
  /** Input and output together. */
  tokens: number;
  /** Absent if input and output are not separate: each kind of limit then counts all tokens. */
  inputTokens?: number;
  outputTokens?: number;
  /** What such calls used before, if known. Counted in learned limits, where an upper bound would leave most unused. */
  expected?: { inputTokens: number; outputTokens: number };
}

/** Limits with separate input and output count the tokens really written, not the maximum. */
export function countsExpected({ learned }: Scope): boolean {
  return learned?.some((name) => name === 'inputTokensPerMinute' || name === 'outputTokensPerMinute') === true;
}

/** Tokens of an ordinary request, if only tokens are limited. */
const ORDINARY_TOKENS = 1_000;

/**
 * The turn of a request at a deployment. It costs one request or, if tokens are limited, the number of requests whose share of
 * the token limit equals its tokens: after a large request, a key's next turn comes later.
 */
export function turnOf(
  { keyId, weight = 1, priority, acceptedAtMs, estimatedInputTokens, estimatedOutputTokens }: RequestSpec,
  deployment: Pick<Deployment, 'scope' | 'provider'> | undefined,
): Turn {
  const { requestsPerMinute, tokensPerMinute = Number.POSITIVE_INFINITY }: Limits =
    deployment === undefined ? {} : { ...deployment.provider.scope.limits, ...deployment.scope.limits };
  const tokensPerRequest = tokensPerMinute / (requestsPerMinute ?? tokensPerMinute / ORDINARY_TOKENS);
  const size = Math.max(1, (estimatedInputTokens + estimatedOutputTokens) / tokensPerRequest || 1);
  return { owner: ownerOf(keyId, weight), cost: size / weight, order: turnOrder(acceptedAtMs, priority) };
}

/** Tokens are those of the wait queues (wait-queue.ts), even if this attempt adds to the prompt. */
export function permitTermsOf(
  spec: RequestSpec,
  attempt: number,
  scopes: readonly Scope[],
  turn: Turn,
  credential: Credential | null = null,
): PermitTerms {
  const { requestId, acceptedAtMs, lane, estimatedInputTokens, estimatedOutputTokens } = spec;
  const terms: PermitTerms = {
    attemptId: attemptId(requestId, attempt),
    requestId,
    scopes,
    acceptedAtMs,
    turn,
    isBatch: lane === 'batch',
    tokens: estimatedInputTokens + estimatedOutputTokens,
    inputTokens: estimatedInputTokens,
    outputTokens: estimatedOutputTokens,
  };
  if (credential !== null) terms.credential = credential.name;
  return terms;
}

/** A permit that another process acquired for this one. */
export interface GrantedPermit {
  slice: number;
  isTrial: boolean;
  /** `limitsOf` its scopes, as known to that process. */
  limits: string;
}

export function holdsLease({ limits, countsCalls }: Scope): boolean {
  return limits.concurrency !== undefined || countsCalls === true;
}

/** A fingerprint of the limits of each scope: processes with the same one request the same permit. */
export function limitsOf(scopes: readonly Scope[]): string {
  let text = '';
  for (const scope of scopes) {
    text += text === '' ? '=' : '|';
    if (holdsLease(scope)) text += '+';
    for (const { name, field } of kindsIn(scope.limits)) text += `${field}${scope.limits[name]}`;
  }
  return text;
}

/** Above any model's limit, and sums stay exact integers in the scripts. A client's max_tokens may be any number. */
const MAX_TOKENS = 1_000_000_000;

function wholeTokens(count: number): number {
  return count > 0 ? Math.min(MAX_TOKENS, Math.floor(count)) : 0;
}

export function amountsOf({ tokens, inputTokens = tokens, outputTokens = tokens }: PermitTerms): Amounts {
  return {
    requests: 1,
    tokens: wholeTokens(tokens),
    inputTokens: wholeTokens(inputTokens),
    outputTokens: wholeTokens(outputTokens),
  };
}

export function expectedOf(request: PermitTerms): Amounts {
  const reserved = amountsOf(request);
  if (request.expected === undefined) return reserved;
  const { inputTokens, outputTokens } = request.expected;
  return { ...reserved, inputTokens: wholeTokens(inputTokens), outputTokens: wholeTokens(outputTokens) };
}
