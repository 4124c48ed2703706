// Long strings that are left out of the text that is parsed: the value is the one of `JSON.parse`.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonScan, LONG_BYTES } from '#src/protocols/bounds/json-bounds.ts';
import { readLongString } from '#src/protocols/bounds/long-string.ts';
import { clientProtocol } from '#src/protocols/registry.ts';
import { parseCarried, parseMessage } from '#src/protocols/wire/exact-json.ts';
import { findLongStrings, parseAround, printAround, textBytesOf } from '#src/protocols/wire/long-strings.ts';
import { explore } from '#test/support/runs.ts';

const LONG = 'iVBORw0KGgo+/='.repeat(10_000);

function parsed(json: string | Buffer, parse: (text: string) => unknown = JSON.parse) {
  const bytes = Buffer.from(json as string);
  const scan = new JsonScan(bytes);
  expect(scan.step(bytes.length)).toBeNull();
  const texts: string[] = [];
  const value = parseAround(bytes, scan.longStrings, (text) => {
    texts.push(text);
    return parse(text);
  });
  return { value, texts };
}

describe('the value is the one that JSON.parse returns', () => {
  test.each<[string, unknown]>([
    ['a member', { a: 1, image: { url: LONG }, z: [null] }],
    ['several, and short strings between them', { messages: [{ url: LONG }, 'short', { url: `${LONG}2` }], n: 1 }],
    ['items of a list', [LONG, 1, LONG]],
    ['the whole text', LONG],
    ['a member named __proto__', JSON.parse(`{"__proto__": "${LONG}", "b": {"__proto__": {"c": "${LONG}"}}}`)],
    ['other characters', { a: `${LONG}é漢😀`, b: LONG, c: 'é' }],
    ['escapes', { a: `${LONG}\n"quoted"\\`, b: LONG }],
    ['just below the length', { a: 'x'.repeat(LONG_BYTES - 3) }],
    ['just at the length', { a: 'x'.repeat(LONG_BYTES - 2) }],
  ])('%s', (_name, value) => {
    const json = JSON.stringify(value);
    expect(parsed(json).value).toEqual(JSON.parse(json));
    expect(JSON.stringify(parsed(json).value)).toBe(json);
    expect(JSON.stringify(parsed(` ${json}\n`).value)).toBe(json);
  });

  test('at any position in memory', () => {
    const bytes = Buffer.from(JSON.stringify({ a: LONG }));
    for (let shift = 0; shift < 4; shift++) {
      const place = Buffer.alloc(bytes.length + shift);
      bytes.copy(place, shift);
      expect(parsed(place.subarray(shift)).value).toEqual({ a: LONG });
    }
  });

  test('with the exact numbers of carried values', () => {
    const json = `{"seed":12345678901234567890,"image":"${LONG}","one":1.0}`;
    expect(JSON.stringify(parsed(json, parseCarried).value)).toBe(json);
  });
});

test('only the text around them is parsed', () => {
  const { texts } = parsed(JSON.stringify({ a: LONG, b: [LONG] }));
  expect(texts).toHaveLength(1);
  expect(texts[0]!.length).toBeLessThan(500);
});

test('a member can be read, changed and removed like any other', () => {
  const value = parsed(JSON.stringify({ a: LONG, b: LONG, c: LONG })).value as Record<string, unknown>;
  value.a = 'changed';
  delete value.b;
  expect({ ...value }).toEqual({ a: 'changed', c: LONG });
  expect(value.c).toBe(value.c);
});

describe('what is refused', () => {
  // V8 names the character and its position.
  const messageOf = (json: string) => {
    try {
      parsed(json);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const said = (json: string) => {
    try {
      JSON.parse(json);
    } catch (error) {
      return (error as Error).message;
    }
  };
  test.each<[string, string]>([
    ['a control character at the beginning', `{"a":"\u0001${LONG}"}`],
    ['a line feed in the middle', `{"a":"${LONG}\n${LONG}"}`],
    ['a control character at the end', `{"a":"${LONG}\u001f"}`],
    ['an escape that JSON does not have', `{"a":"${LONG}\\x"}`],
    ['an escape with three digits', `{"a":"${LONG}\\u12f","b":1}`],
    ['a line feed after an escape', `{"a":"${LONG}\\n\n"}`],
    ['a string that ends in an escape', `{"a":"${LONG}\\`],
    ['a string that does not end', `{"a":"${LONG}\\n`],
    ['something wrong after it', `{"a":"${LONG}",}`],
    ['something wrong before it', `{"a":tru,"b":"${LONG}"}`],
    ['two values', `"${LONG}" "${LONG}"`],
  ])('%s', (_name, json) => {
    expect(said(json)).toBeDefined();
    expect(messageOf(json)).toBe(said(json));
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a control character %d bytes before the end', (back) => {
    const json = `{"a":"${LONG.slice(0, -back)}\t${LONG.slice(-back)}"}`;
    expect(messageOf(json)).toBe(said(json));
  });
});

describe('a value is printed as JSON.stringify prints it', () => {
  test.each<[string, unknown]>([
    ['a long string', { a: LONG, b: [1, null, 'x'] }],
    ['several, one of them twice', [LONG, { b: LONG, c: `${LONG}2` }, LONG]],
    ['one that was put together', { url: `data:image/png;base64,${LONG}` }],
    ['one with a quote', { a: `${LONG}"` }],
    ['one with a backslash', { a: `${LONG}\\` }],
    ['one with a line feed', { a: `${LONG}\n${LONG}` }],
    ['one with other characters', { a: `${LONG}é`, b: `${LONG}漢` }],
    ['one with half a surrogate pair', { a: `${LONG}\ud800` }],
    ['members that are left out', { a: undefined, b: LONG, c: [undefined] }],
    ['the whole value', LONG],
    ['no long one', { a: 'short' }],
  ])('%s', (_name, value) => {
    expect(printAround(value).toString()).toBe(JSON.stringify(value));
  });

  test('numbers keep their digits', () => {
    const json = `{"seed":12345678901234567890,"a":"${LONG}"}`;
    const bytes = Buffer.from(json);
    expect(String(printAround(parseAround(bytes, findLongStrings(bytes), parseMessage)))).toBe(json);
  });
});

test('long keys are not mistaken for values', () => {
  const bytes = Buffer.from(JSON.stringify({ [LONG]: LONG }));
  expect(findLongStrings(bytes)).toEqual([
    { start: bytes.length - 3 - LONG.length, end: bytes.length - 1, textBytes: LONG.length },
  ]);
});

describe('the length of a long text is known without making it', () => {
  const PAIR = '\\ud83d\\ude00';
  test.each<[string, string]>([
    ['plain', LONG],
    ['other characters', `${LONG}é漢😀`],
    ['escapes', `${LONG}\\n\\"quoted\\"\\\\\\/\\t`],
    ['numbers of characters', `${LONG}\\u0041\\u00e9\\u6F22${PAIR}`],
    ['halves of surrogate pairs', `\\ud83d${LONG}\\ude00\\ud83d\\ud83d\\ude00\\ud83d`],
  ])('%s', (_name, written) => {
    const json = `{"a":"${written}"}`;
    const value = parsed(json).value as { a: string };
    const isMade = () => Object.getOwnPropertyDescriptor(value, 'a')?.get === undefined;
    const length = textBytesOf(value, 'a');
    expect(isMade()).toBe(false);
    expect(length).toBe(Buffer.byteLength(value.a));
    expect(value.a).toBe((JSON.parse(json) as { a: string }).a);
    value.a = 'short';
    expect(textBytesOf(value, 'a')).toBe(5);
  });

  test('whatever it is made of', () => {
    const unit = fc.constantFrom('"', '\\', 'a', 'é', '😀', '\n', '\u0001', '\ud83d', '\ude00', 'x'.repeat(200));
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), fc.nat(3), (text, shift) => {
        const json = Buffer.from(`${' '.repeat(shift)}${JSON.stringify(text + LONG + text)}`);
        const { end, textBytes } = readLongString(json, shift);
        expect([end, textBytes]).toEqual([json.length, Buffer.byteLength(text + LONG + text)]);
      }),
      explore(100),
    );
  });
});

test('a request is counted without making its text', () => {
  const body = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: `${LONG}"` }] };
  for (const name of ['openai-chat', 'anthropic-messages']) {
    const { value } = parsed(JSON.stringify(body));
    const facts = clientProtocol(name).readRequest(value, { path: '', query: {} });
    expect(facts).toEqual(clientProtocol(name).readRequest(body, { path: '', query: {} }));
    const [message] = (value as typeof body).messages;
    expect(Object.getOwnPropertyDescriptor(message, 'content')?.get).toBeDefined();
  }
});
