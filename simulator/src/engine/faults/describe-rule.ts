// A rule as its one line of text, for people who ask a running simulator what it is up to.
import type { FaultRule } from './fault-rule.ts';
import type { Fault } from './fault-table.ts';

/** `readRule` reads it back, unless a prompt has double quotes in it. */
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
