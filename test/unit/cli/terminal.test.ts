// Symptom: an escape character in a client's model name reached the operator's terminal (`sluice dead-letters list`).
import { expect, test } from 'vitest';
import { bold, formatTable, printable } from '#src/cli/terminal.ts';

test.each([
  ['an escape sequence', 'a\u001b]0;title\u0007b', 'a\\u001b]0;title\\u0007b'],
  ['an eight-bit control', 'a\u009b31mb', 'a\\u009b31mb'],
  ['a carriage return', 'ok\rno', 'ok\\u000dno'],
  ['marks that reorder', 'a\u202egnp.exe', 'a\\u202egnp.exe'],
  ['newlines and tabs', 'a\n\tb', 'a\n\tb'],
  ['other scripts', 'Größe 模型 🙂', 'Größe 模型 🙂'],
])('%s', (_name, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('JSON output stays JSON', () => {
  const value = { text: 'a\u009b\u001b[31m\u007f' };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});

test('Sluice’s own bold text is kept', () => {
  expect(printable('\u001b[1mx\u001b[22m')).toBe('\u001b[1mx\u001b[22m');
  expect(bold('x')).toContain('x');
});

test('a cell cannot break a table', () => {
  expect(formatTable(['A', 'B'], [['x\ny', '\u001b[2J']]).split('\n')).toEqual(['A    B', 'x y  \\u001b[2J']);
});
