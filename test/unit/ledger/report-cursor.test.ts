import { expect, test } from 'vitest';
import { isCursor } from '#src/ledger/reports.ts';

const cursor = (groups: unknown) => Buffer.from(JSON.stringify(groups)).toString('base64url');

test('a cursor belongs to a report with the same groups', () => {
  expect(isCursor(cursor(['gpt-4o', 3_600_000]), ['model', 'hour'])).toBe(true);
  expect(isCursor(cursor(['gpt-4o', '3600000']), ['model', 'hour'])).toBe(false);
  expect(isCursor(cursor(['gpt-4o']), ['model', 'hour'])).toBe(false);
  expect(isCursor('nonsense', ['model'])).toBe(false);
});

test('a report without groups has one row and no cursor', () => {
  expect(isCursor('x', [])).toBe(false);
  expect(isCursor(cursor([]), [])).toBe(false);
});
