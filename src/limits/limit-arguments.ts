// What the scripts of a permit are told of limits, kind by kind (contracts/limit-kinds.ts): what a call takes of each, and what it
// has used otherwise than was reserved.
import { type Amounts, LIMIT_KINDS, type LimitKind } from '../contracts/limit-kinds.ts';
import type { Limits, Scope } from '../contracts/scope.ts';
import { holdsLease } from './permit-terms.ts';

interface Taken {
  reserved: Amounts;
  /** In limits that a provider has taught. */
  expected: Amounts;
}

export interface UsedTokens {
  /** Tokens the provider really counted, as far as known. */
  usedTokens: number;
  /** Without those from a cache; absent as in `PermitRequest`. */
  usedInputTokens?: number;
  usedOutputTokens?: number;
  /** It was refused for a limit: it does not count in those that are learned, whose use is what was served. */
  isRefused?: boolean;
}

/** What a call takes of one limit. */
function amountFor({ learned }: Scope, { name, measure }: LimitKind, { reserved, expected }: Taken): number {
  return (learned?.includes(name) ? expected : reserved)[measure];
}

function usedAmounts(used: UsedTokens): Amounts {
  const { usedTokens: tokens, usedInputTokens: inputTokens = tokens, usedOutputTokens: outputTokens = tokens } = used;
  return { requests: 1, tokens, inputTokens, outputTokens };
}

/** A limit that is never reached: the call is only counted. */
const ANY_NUMBER = 1_000_000_000;

function kindsOf(limits: Limits): readonly LimitKind[] {
  return LIMIT_KINDS.filter(({ name }) => limits[name] !== undefined);
}

/** How many, then each as permit.lua takes it. */
export function limitArguments(scope: Scope, taken: Taken): (string | number)[] {
  const limits = holdsLease(scope) ? { concurrency: ANY_NUMBER, ...scope.limits } : scope.limits;
  const kinds = kindsOf(limits);
  const each = kinds.flatMap((kind) => [
    kind.field,
    kind.periodMs ?? 0,
    limits[kind.name]!,
    amountFor(scope, kind, taken),
  ]);
  return [kinds.length, ...each];
}

/** How many, then each as settle.lua takes it: only what was used otherwise than it was reserved. */
export function correctionArguments(scope: Scope, taken: Taken, used: UsedTokens): (string | number)[] {
  const counted = usedAmounts(used);
  const usedOf = ({ name, measure }: LimitKind) =>
    used.isRefused === true && scope.learned?.includes(name) === true ? 0 : counted[measure];
  const kinds = kindsOf(scope.limits).filter(
    (kind) => kind.periodMs !== null && usedOf(kind) !== amountFor(scope, kind, taken),
  );
  const each = kinds.flatMap((kind) => [
    kind.field,
    kind.periodMs!,
    scope.limits[kind.name]!,
    amountFor(scope, kind, taken),
    usedOf(kind),
  ]);
  return [kinds.length, ...each];
}
