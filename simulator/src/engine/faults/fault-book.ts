// Decides which faults apply to a call: first those in the prompt, then the rules in order. Rules count calls, so that "the first
// two fail, then all succeed" can be expressed. At most one fault per call decides how it ends.
import { createRandom, nextFraction, type Random } from '../answers/random.ts';
import type { Call } from '../call.ts';
import { createFaultPlan, type FaultPlan, NO_FAULTS } from './fault-plan.ts';
import type { FaultRule } from './fault-rule.ts';
import { type Fault, rowOf } from './fault-table.ts';

interface Count {
  matched: number;
  fired: number;
}

interface CountedRule {
  rule: FaultRule;
  total: Count;
  perPrompt: Map<string, Count>;
}

export interface FaultRuleReport {
  /** The rule as one line, which can be read back. */
  rule: string;
  /** Calls that match by model and prompt. */
  matched: number;
  /** Calls to which it applied. */
  fired: number;
}

/** Faults in a prompt; counted per prompt text, so that a retry of the same prompt is counted too. */
export interface PromptFaults {
  faults: readonly Fault[];
  /** Null: always. */
  times: number | null;
}

/** Most prompts counted per rule; beyond it the oldest is dropped and counted from the start again. */
const MAX_COUNTED_PROMPTS = 200_000;

export class FaultBook {
  readonly #seed: number;
  #random: Random;
  #rules: CountedRule[] = [];
  readonly #promptCounts = new Map<string, Count>();

  constructor(seed: number, rules: readonly FaultRule[]) {
    this.#seed = seed;
    this.#random = createRandom(seed);
    this.replace(rules);
  }

  /** Resets counts and random numbers. */
  replace(rules: readonly FaultRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, total: { matched: 0, fired: 0 }, perPrompt: new Map() }));
    this.#promptCounts.clear();
    this.#random = createRandom(this.#seed);
  }

  list(): FaultRuleReport[] {
    return this.#rules.map(({ rule, total }) => ({ rule: describeRule(rule), ...total }));
  }

  /** Call it once per call, because it counts. */
  strike(call: Call, promptKey: number, own: readonly PromptFaults[]): FaultPlan {
    if (own.length === 0 && this.#rules.length === 0) return NO_FAULTS;
    const faults = [...this.#ownFaults(promptKey, own), ...this.#ruleFaults(call, promptKey)];
    return faults.length === 0 ? NO_FAULTS : planFaults(faults);
  }

  #ownFaults(promptKey: number, own: readonly PromptFaults[]): Fault[] {
    return own.flatMap(({ faults, times }, index) => {
      if (times === null) return faults;
      const count = countOf(this.#promptCounts, `${promptKey}.${index}`);
      count.fired += 1;
      return count.fired <= times ? faults : [];
    });
  }

  #ruleFaults(call: Call, promptKey: number): Fault[] {
    return this.#rules.flatMap((counted) => (this.#isStruck(counted, call, promptKey) ? counted.rule.faults : []));
  }

  #isStruck({ rule, total, perPrompt }: CountedRule, call: Call, promptKey: number): boolean {
    const { model, promptContains, first, everyNth, probability } = rule.match;
    if (model !== undefined && model !== call.model) return false;
    if (promptContains !== undefined && !call.promptText.includes(promptContains)) return false;
    total.matched += 1;
    const count = rule.per === 'prompt' ? countOf(perPrompt, String(promptKey)) : total;
    if (count !== total) count.matched += 1;
    if (first !== undefined && count.matched > first) return false;
    if (everyNth !== undefined && count.matched % everyNth !== 0) return false;
    if (probability !== undefined && nextFraction(this.#random) >= probability) return false;
    if (rule.times !== undefined && count.fired >= rule.times) return false;
    total.fired += 1;
    if (count !== total) count.fired += 1;
    return true;
  }
}

function countOf(counts: Map<string, Count>, key: string): Count {
  const known = counts.get(key);
  if (known !== undefined) return known;
  if (counts.size >= MAX_COUNTED_PROMPTS) counts.delete(counts.keys().next().value!);
  const count = { matched: 0, fired: 0 };
  counts.set(key, count);
  return count;
}

function planFaults(faults: readonly Fault[]): FaultPlan {
  const plan = createFaultPlan();
  let hasFinal = false;
  for (const fault of faults) {
    const row = rowOf(fault.name);
    if (row.isFinal && hasFinal) continue;
    hasFinal ||= row.isFinal;
    row.apply(plan, fault);
    plan.names.push(fault.name);
  }
  return plan;
}

// Writes a rule as one line of text, for the list of a running simulator's rules.

/** `readRule` reads it back, unless a prompt contains double quotes. */
export function describeRule({ faults, match, times, per }: FaultRule): string {
  const settings = [
    ['model', match.model],
    ['contains', match.promptContains],
    ['every', match.everyNth],
    ['chance', match.probability],
    ['first', match.first],
    ['times', times],
    ['per', per === 'rule' ? undefined : per],
  ] as const;
  const given = settings.filter(([, value]) => value !== undefined);
  return [faults.map(describeFault).join(','), ...given.map(([key, value]) => `${key}=${quote(String(value))}`)].join(
    ' ',
  );
}

function describeFault({ name, afterTokens, amount, hint }: Fault): string {
  const place = afterTokens === undefined ? '' : `@${afterTokens}`;
  const values = [amount, hint].filter((value) => value !== undefined);
  return [name + place, ...values].join(':');
}

function quote(text: string): string {
  return /^\S+$/.test(text) ? text : `"${text}"`;
}
