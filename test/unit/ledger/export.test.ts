import { expect, test } from 'vitest';
import { csvLine } from '#src/ledger/export.ts';

test('what a line of CSV has', () => {
  expect(csvLine(['plain', 12, null, -3, '0.5'])).toBe('plain,12,,-3,0.5\r\n');
  expect(csvLine(['a,b', 'say "x"', 'two\nlines'])).toBe('"a,b","say ""x""","two\nlines"\r\n');
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1'])('a text that a spreadsheet would compute is none: %s', (text) => {
  expect(csvLine([text])).toBe(`'${text}\r\n`);
});
