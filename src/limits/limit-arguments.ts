// Arguments of the permit scripts for each kind of limit (contracts/limit-kinds.ts): the amount that a call reserves, and
// corrections if it used another amount.
import { type Amounts, kindsIn, type LimitKind } from '../contracts/limit-kinds.ts';
import type { Scope } from '../contracts/scope.ts';
import { holdsLease } from './permit-terms.ts';

interface Taken {
  reserved: Amounts;
  /** Counted in learned limits instead. */
  expected: Amounts;
}

export interface UsedTokens {
  /** Tokens that the provider counted, as far as known. */
  usedTokens: number;
  /** Without tokens from a cache; absent as in `PermitTerms`. */
  usedInputTokens?: number;
  usedOutputTokens?: number;
  /** Refused because of a limit. Such calls do not count in learned limits, which count served calls only. */
  isRefused?: boolean;
}

/** The amount that a call takes of one limit. */
function amountFor({ learned }: Scope, { name, measure }: LimitKind, { reserved, expected }: Taken): number {
  return (learned?.includes(name) ? expected : reserved)[measure];
}

function usedAmounts(used: UsedTokens): Amounts {
  const { usedTokens: tokens, usedInputTokens: inputTokens = tokens, usedOutputTokens: outputTokens = tokens } = used;
  return { requests: 1, tokens, inputTokens, outputTokens };
}

/** A limit that is never reached: the call is only counted. */
const ANY_NUMBER = 1_000_000_000;

/** Four arguments per limit, for permit.lua. */
export function limitArguments(scope: Scope, taken: Taken): (string | number)[] {
  const limits = holdsLease(scope) ? { concurrency: ANY_NUMBER, ...scope.limits } : scope.limits;
  const args: (string | number)[] = [];
  for (const kind of kindsIn(limits)) {
    args.push(kind.field, kind.periodMs ?? 0, limits[kind.name]!, amountFor(scope, kind, taken));
  }
  return args;
}

/** The number of corrections, then the arguments of each, for settle.lua. Only amounts that differ from the reservation. */
export function correctionArguments(scope: Scope, taken: Taken, used: UsedTokens): (string | number)[] {
  const counted = usedAmounts(used);
  const usedOf = ({ name, measure }: LimitKind) =>
    used.isRefused === true && scope.learned?.includes(name) === true ? 0 : counted[measure];
  const corrections: (string | number)[] = [];
  let count = 0;
  for (const kind of kindsIn(scope.limits)) {
    const [amount, usedAmount] = [amountFor(scope, kind, taken), usedOf(kind)];
    if (kind.periodMs === null || usedAmount === amount) continue;
    count += 1;
    corrections.push(kind.field, kind.periodMs, scope.limits[kind.name]!, amount, usedAmount);
  }
  return [count, ...corrections];
}
