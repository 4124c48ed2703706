// docs/failures.md and the failure table agree, in both directions.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAILURES, type FailureCode, type FailureRule, ruleOf } from '#src/contracts/failure-table.ts';

const page = readFileSync(new URL('../../../docs/failures.md', import.meta.url), 'utf8');
const rows = [
  ...page.matchAll(
    /^\| `(\w+)`(?: \((?:`(\w+)`|(null))\))? \| (\d+) \| (yes|alone)? ?\| (yes)? ?\| (count|open)? ?\| (.+) \|$/gm,
  ),
];
const described = new Map(
  rows.map(([, code, wire, isNull, status, retry, fallback, circuit]) => [
    code,
    {
      wireCode: isNull === undefined ? (wire ?? code) : null,
      status: Number(status),
      retry: retry === 'alone' ? retry : retry !== undefined,
      fallback: fallback !== undefined,
      cooldown: circuit ?? 'none',
    },
  ]),
);

test('the page has exactly the codes of the table', () => {
  expect([...described.keys()]).toEqual(Object.keys(FAILURES));
});

test.each(Object.keys(FAILURES) as FailureCode[])('%s is described as in the table', (code) => {
  const { wireCode = code, status, retry, fallback, cooldown }: FailureRule = ruleOf(code);
  expect(described.get(code)).toEqual({ wireCode, status, retry, fallback, cooldown });
});

test('the page names the codes whose calls are estimated', () => {
  const paragraph = /^\*Billed\*.*?(?=^\|)/ms.exec(page)![0];
  const unseen = (Object.keys(FAILURES) as FailureCode[]).filter((code) => ruleOf(code).isUnseen);
  const timeouts = ['first_byte', 'first_token', 'idle', 'total'].map((what) => `upstream_${what}_timeout`);
  const named = [...paragraph.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!).filter((name) => name !== 'estimated');
  expect([...named, ...timeouts].sort()).toEqual(unseen.sort());
});
