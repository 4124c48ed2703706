import { describe, expect, test } from 'vitest';
import { FaultBook } from '../../src/engine/faults/fault-book.ts';
import { readFaults, readRule } from '../../src/engine/faults/fault-rule.ts';
import { callForTest } from './call-for-test.ts';

const ANY_PROMPT = 1;

function bookOf(...rules: string[]): FaultBook {
  return new FaultBook(7, rules.map(readRule));
}

/** Which of this many equal calls get the fault. */
function struck(book: FaultBook, count: number, promptKey = ANY_PROMPT): number[] {
  return Array.from({ length: count }, (_, index) => index + 1).filter(
    () => book.strike(callForTest(), promptKey, []).names.length > 0,
  );
}

describe('rules', () => {
  test('without conditions apply to every call', () => expect(struck(bookOf('500'), 3)).toEqual([1, 2, 3]));
  test('"first" applies to the first calls only', () => expect(struck(bookOf('500 first=2'), 5)).toEqual([1, 2]));
  test('"every" applies to each nth call', () => expect(struck(bookOf('500 every=3'), 7)).toEqual([3, 6]));
  test('"times" limits how often a rule applies', () =>
    expect(struck(bookOf('500 every=2 times=2'), 9)).toEqual([2, 4]));

  test('"chance" applies to that share of calls, and to the same ones with the same seed', () => {
    const first = struck(bookOf('500 chance=0.25'), 1_000);
    expect(first.length).toBeGreaterThan(200);
    expect(first.length).toBeLessThan(300);
    expect(struck(bookOf('500 chance=0.25'), 1_000)).toEqual(first);
  });

  test('"model" and "contains" leave other calls alone and do not count them', () => {
    const book = bookOf('500 model=gpt-4o contains=river first=1');
    const strike = (change: object) => book.strike(callForTest(change), ANY_PROMPT, []).names;
    expect(strike({ model: 'other', promptText: 'a river' })).toEqual([]);
    expect(strike({ promptText: 'a road' })).toEqual([]);
    expect(strike({ promptText: 'a river' })).toEqual(['server_error']);
    expect(book.list()[0]).toMatchObject({ matched: 1, fired: 1 });
  });

  test('"per=prompt" counts each prompt separately', () => {
    const book = bookOf('500 first=2 per=prompt');
    expect(struck(book, 3, 1)).toEqual([1, 2]);
    expect(struck(book, 3, 2)).toEqual([1, 2]);
    expect(book.list()[0]).toMatchObject({ matched: 6, fired: 4 });
  });

  test('replacing them resets all counts', () => {
    const book = bookOf('500 first=1');
    expect(struck(book, 2)).toEqual([1]);
    book.replace([readRule('500 first=1')]);
    expect(struck(book, 2)).toEqual([1]);
  });
});

describe('combined faults', () => {
  test('only the first fault that ends the answer counts; format faults are added', () => {
    const plan = bookOf('cut@3', 'crlf', '500').strike(callForTest(), ANY_PROMPT, []);
    expect(plan.names).toEqual(['cut', 'crlf']);
    expect(plan).toMatchObject({ break: { kind: 'cut', afterTokens: 3 }, hasCarriageReturns: true, refusal: null });
  });

  test('faults in the prompt take precedence over rules', () => {
    const own = [{ faults: readFaults('503'), times: null }];
    expect(bookOf('500').strike(callForTest(), ANY_PROMPT, own).names).toEqual(['unavailable']);
  });
});

describe('faults in a prompt', () => {
  test('can be limited to a number of calls with this prompt', () => {
    const book = bookOf();
    const own = [{ faults: readFaults('500'), times: 2 }];
    const strikes = (promptKey: number) => book.strike(callForTest(), promptKey, own).names.length;
    expect([strikes(1), strikes(1), strikes(2), strikes(1), strikes(2), strikes(2)]).toEqual([1, 1, 1, 0, 1, 0]);
  });
});
