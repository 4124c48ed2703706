import { describe, expect, test } from 'vitest';
import { describeRule } from '../../src/engine/faults/fault-book.ts';
import {
  type FaultRule,
  faultRuleSchema,
  readFault,
  readFaults,
  readRule,
} from '../../src/engine/faults/fault-rule.ts';
import { FAULT_NAMES } from '../../src/engine/faults/fault-table.ts';

describe('a fault as text', () => {
  test.each([
    ['a name alone', 'cut', { name: 'cut' }],
    ['a place', 'cut@40', { name: 'cut', afterTokens: 40 }],
    ['an amount', 'slow:3000', { name: 'slow', amount: 3000 }],
    [
      'an amount and how to announce it',
      'rate_limited:1500:seconds',
      { name: 'rate_limited', amount: 1500, hint: 'seconds' },
    ],
    ['no wait announced', '429:none', { name: 'rate_limited', hint: 'none' }],
    ['a status that has a fault of its own', '503', { name: 'unavailable' }],
    ['any other status', '451', { name: 'status', amount: 451 }],
  ])('%s', (_, text, fault) => expect(readFault(text)).toEqual(fault));

  test.each(FAULT_NAMES)('the name "%s" is enough', (name) => expect(readFault(name)).toEqual({ name }));

  test('several are separated by commas', () => {
    expect(readFaults('crlf,dribble:3,cut@2').map(({ name }) => name)).toEqual(['crlf', 'dribble', 'cut']);
  });

  test.each([
    ['cutt', 'there is no fault "cutt"'],
    ['silence@3', '"silence" takes no position in the answer'],
    ['reset:5', '"reset" takes no amount'],
    ['dribble:0', '"dribble" takes bytes from 1 to 65536'],
    ['status:200', '"status" takes status from 400 to 599'],
    ['cut@40:seconds', '"cut" takes no wait'],
    ['cut at 4', 'is not a fault'],
  ])('"%s" is refused with a reason', (text, reason) => expect(() => readFault(text)).toThrow(reason));
});

describe('a rule', () => {
  const rule = {
    faults: [{ name: 'cut', afterTokens: 40 }],
    match: { model: 'gpt-4o', promptContains: 'hello world', everyNth: 10, probability: 0.1, first: 2 },
    times: 3,
    per: 'prompt',
  };

  test('can be written in one line', () => {
    const line = 'cut@40 model=gpt-4o contains="hello world" every=10 chance=0.1 first=2 times=3 per=prompt';
    expect(readRule(line)).toEqual(rule);
    expect(faultRuleSchema.parse(line)).toEqual(rule);
  });

  test.each([
    '503',
    'crlf,dribble:3,cut@40 model=gpt-4o contains="hello world" every=10 chance=0.1 first=2 times=3 per=prompt',
    'rate_limited:1500:seconds first=2',
  ])('has a description that parses to the same rule: %s', (line) => {
    expect(readRule(describeRule(readRule(line)))).toEqual(readRule(line));
  });

  test('can be written as an object', () => {
    const { faults, ...rest } = rule as FaultRule;
    expect(faultRuleSchema.parse({ ...rest, fault: 'cut@40' })).toEqual(rule);
    expect(faultRuleSchema.parse({ ...rest, fault: faults[0]! })).toEqual(rule);
  });

  test.each([
    ['cut times=0', '"times" must be at least 1'],
    ['cut chance=2', '"chance" must be a number from 0 to 1'],
    ['cut tims=2', 'unknown "tims"'],
    ['times=2', 'a rule must begin with its fault'],
    ['cut per=day', '"per" must be rule or prompt'],
  ])('"%s" is refused with a reason', (text, reason) => {
    const parsed = faultRuleSchema.safeParse(text);
    expect(parsed.error?.issues[0]?.message).toContain(reason);
  });

  test('refuses an object with a number that its fault does not accept', () => {
    const { error } = faultRuleSchema.safeParse({ fault: { name: 'reset', amount: 5 } });
    expect(error?.issues[0]).toMatchObject({ path: ['fault'], message: expect.stringContaining('takes no amount') });
  });
});
