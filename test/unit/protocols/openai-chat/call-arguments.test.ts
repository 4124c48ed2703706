// Whether the arguments of a call are complete, checked at each delta.
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { CallArguments } from '#src/protocols/openai-chat/stream/call-slots.ts';
import { explore } from '#test/support/runs.ts';

function areWhole(...deltas: string[]): boolean {
  const given = new CallArguments();
  let whole = false;
  for (const delta of deltas) {
    given.add(delta);
    whole = given.areWhole;
  }
  return whole;
}

describe('arguments are complete', () => {
  test.each([
    ['an object', ['{}'], true],
    ['an object in pieces', ['{"a', '":[1,{"b":2}', ']}'], true],
    ['white space around it', [' {"a":1}', ' \n'], true],
    ['braces within a text', ['{"a":"}', '{"', '}'], true],
    ['escaped quotes and backslashes', ['{"a":"\\', '"}\\\\"', '}'], true],
    ['nothing', [''], false],
    ['the beginning of an object', ['{"a":{}'], false],
    ['a brace within an open text', ['{"a":"}'], false],
    ['something behind the object', ['{}', '{}'], false],
    ['something before the object', ['x{}'], false],
    ['a list', ['[{}]'], false],
    ['braces that are not JSON', ['{a}'], false],
  ])('%s', (_, deltas, expected) => {
    expect(areWhole(...deltas)).toBe(expected);
  });

  test('for every JSON object, however it is split: at its end and not before', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(objects, fc.integer({ min: 1, max: 7 }), (text, size) => {
        const deltas = text.match(new RegExp(`[^]{1,${size}}`, 'g'))!;
        expect(areWhole(...deltas)).toBe(true);
        expect(areWhole(...deltas.slice(0, -1), deltas.at(-1)!.slice(0, -1))).toBe(false);
      }),
      explore(100),
    );
  });
});

test('a long text is parsed once, not at every delta that ends in a brace', () => {
  const parse = vi.spyOn(JSON, 'parse');
  const given = new CallArguments();
  given.add('{"list":[');
  for (let item = 0; item < 5_000; item++) {
    given.add(`${item === 0 ? '' : ','}{"a":1}`);
    expect(given.areWhole).toBe(false);
  }
  given.add(']}');
  expect(given.areWhole).toBe(true);
  expect(parse).toHaveBeenCalledTimes(1);
  parse.mockRestore();
});
