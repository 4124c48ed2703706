import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  exactNumber,
  isExactNumber,
  isJsonObject,
  parseCarried,
  parseMessage,
} from '#src/protocols/wire/exact-json.ts';
import { explore } from '#test/support/runs.ts';

const NUMBERS = ['0', '-0', '1', '-7', '1.0', '1e5', '1E-7', '1e400', '-1e400', '0.5', '0.0000001', '123456.654321'];
const LONG = [
  '9007199254740993',
  '-2512292042121000001',
  '123456789012345.123456789012345',
  '0.30000000000000004',
  '999999999999.99999',
];
const DIGITS = (least: number, most: number) =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength: least, maxLength: most }).map((digits) => digits.join(''));
/** Any number that JSON has. */
const NUMBER = fc
  .tuple(
    fc.constantFrom('', '-'),
    DIGITS(1, 20).map((digits) => digits.replace(/^0+(?=\d)/, '')),
    fc.option(
      DIGITS(1, 20).map((digits) => `.${digits}`),
      { nil: '' },
    ),
    fc.option(fc.constantFrom('e5', 'E-7', 'e+400'), { nil: '', freq: 3 }),
  )
  .map((parts) => parts.join(''));

describe('numbers in carried values', () => {
  test.each([...NUMBERS, ...LONG])('%s is printed as it was written', (number) => {
    for (const json of [number, `[${number}]`, `{"a":[{"b":${number}}],"c":"x"}`, `{"__proto__":${number}}`]) {
      expect(JSON.stringify(parseCarried(json))).toBe(json);
    }
  });

  test('any number is exact, at any place', () => {
    const places = fc.constantFrom('N', '[N]', '[ N ,N]', '{"a":N}', '{"id":"chatcmpl-0e5","a" : N, "b":[1,\tN]}');
    fc.assert(
      fc.property(NUMBER, places, (number, place) => {
        const json = place.replaceAll('N', number);
        expect(JSON.stringify(parseCarried(json))).toBe(json.replaceAll(/\s/g, ''));
      }),
      explore(2_000),
    );
  });

  test('a text is never mistaken for a number, whatever it contains', () => {
    const texts = [...NUMBERS, ...LONG].map((number) => `say \\"${number}\\", or [${number}, ${number}]: \\\\`);
    const json = JSON.stringify(texts);
    expect(parseCarried(json)).toEqual(texts);
    expect(JSON.stringify(parseMessage(json))).toBe(json);
  });

  test('a value without such numbers equals a plain parse', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value);
        expect(JSON.stringify(parseCarried(json))).toBe(json);
        expect(parseMessage(json)).toEqual(JSON.parse(json));
      }),
      explore(100),
    );
  });
});

describe('numbers of a message', () => {
  test('are plain except in carried members', () => {
    const value = parseMessage('{"temperature":1.0,"max":1e400,"tool":{"arguments":{"id":1.0}}}') as never;
    expect(value).toMatchObject({ temperature: 1, max: Number.POSITIVE_INFINITY });
    expect(JSON.stringify(value)).toContain('"arguments":{"id":1.0}');
  });

  test('invalid JSON is refused as usual', () => {
    for (const json of ['', '{"a":1.}', '{"a":01}', '[1e400', '"1.0', '{"a":1.0,}', '-', '[1 2.0]']) {
      expect(() => parseMessage(json), json).toThrow(SyntaxError);
      expect(() => parseCarried(json), json).toThrow(SyntaxError);
    }
  });
});

test('a raw number behaves as a number', () => {
  expect(isJsonObject(exactNumber('9007199254740993'))).toBe(false);
  expect(isExactNumber(exactNumber('9007199254740993'))).toBe(true);
  expect(exactNumber('12')).toBe(12);
  expect(isJsonObject({ rawJSON: '1' })).toBe(true);
});

test('a value nested too deeply to be printed counts as invalid JSON', () => {
  const nested = (levels: number) => `${'{"a":['.repeat(levels)}1${']}'.repeat(levels)}`;
  for (const parse of [parseCarried, parseMessage]) {
    expect(() => parse(nested(100_000))).toThrow(SyntaxError);
    expect(JSON.stringify(parse(nested(400)))).toBe(nested(400));
    expect(parse(JSON.stringify(`${'['.repeat(5_000)}`))).toBe('['.repeat(5_000));
  }
});
