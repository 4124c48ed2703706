import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editObject, memberBytes, memberEntries } from '#src/protocols/wire/json-object.ts';
import { explore } from '#test/support/runs.ts';

const edit = (json: string, set: Record<string, string>, remove: string[] = []) =>
  editObject(Buffer.from(json), { set: new Map(Object.entries(set)), remove }).toString();

describe('only what is edited changes', () => {
  test.each([
    ['a member is replaced in place', '{"a": 1, "b" :2}', { b: '3' }, [], '{"a": 1, "b" :3}'],
    ['a new member is appended', '{"a":1}', { b: '"x"' }, [], '{"a":1,"b":"x"}'],
    ['an empty object takes a member', '{ }', { a: '1' }, [], '{"a":1 }'],
    ['the first member can go', '{"a":1,"b":2}', {}, ['a'], '{"b":2}'],
    ['the last member can go', '{"a":1,"b":2}', {}, ['b'], '{"a":1}'],
    ['the only member can go', '{"a":1}', {}, ['a'], '{}'],
    [
      'big numbers keep their digits',
      '{"seed":12345678901234567890,"m":1}',
      { m: '2' },
      [],
      '{"seed":12345678901234567890,"m":2}',
    ],
    [
      'braces and quotes in strings are text',
      '{"a":"}\\"{","b":[{"c":"]"}]}',
      { b: 'null' },
      [],
      '{"a":"}\\"{","b":null}',
    ],
    ['escaped keys are the same key', '{"\\u0061":1}', { a: '2' }, [], '{"\\u0061":2}'],
    ['every repetition of a member is replaced', '{"a":1,"a":2}', { a: '3' }, [], '{"a":3,"a":3}'],
    ['white space stays where it is', '{"a":1 , "b":2 , "c":3\n}', { b: '4' }, [], '{"a":1 , "b":4 , "c":3\n}'],
    ['what goes and what comes may have one name', '{"a":1,"b":2}', { a: '3' }, ['a'], '{"b":2,"a":3}'],
    ['white space around the object stays', ' \n{"a":1}\n ', { a: '2' }, [], ' \n{"a":2}\n '],
  ])('%s', (_name, json, set, remove, expected) => {
    expect(edit(json, set as Record<string, string>, remove)).toBe(expected);
  });

  test('nothing is copied where nothing changes', () => {
    const json = Buffer.from('{"model":"m","n": 1}');
    expect(editObject(json, { set: new Map([['model', '"m"']]), remove: ['models'] })).toBe(json);
    expect(edit('{"model":"m","n": 1}', { model: '"m"', n: '2' })).toBe('{"model":"m","n": 2}');
  });

  test('a large object can be read and edited again and again', () => {
    const text = 'x'.repeat(100_000);
    const json = Buffer.from(`{"a":"${text}","b":1}`);
    expect(String(memberBytes(json, 'b'))).toBe('1');
    expect(String(editObject(json, { set: new Map([['b', '22']]) }))).toBe(`{"a":"${text}","b":22}`);
    expect(String(editObject(json, { remove: ['a'] }))).toBe('{"b":1}');
    expect(String(memberBytes(json, 'a'))).toBe(`"${text}"`);
  });

  test('a value can be computed from the existing one', () => {
    const seen: (string | null)[] = [];
    const note = (value: Buffer | null) => {
      seen.push(value === null ? null : value.toString());
      return value === null ? 'false' : Buffer.from('true');
    };
    const set = new Map([
      ['a', note],
      ['b', note],
    ]);
    expect(editObject(Buffer.from('{"a": [1] ,"c":2}'), { set }).toString()).toBe('{"a": true ,"c":2,"b":false}');
    expect(seen).toEqual(['[1]', null]);
  });

  test('without edits the bytes are the same', () => {
    const json = Buffer.from('{"a":1}');
    expect(editObject(json, { remove: ['b'] })).toBe(json);
  });

  test('anything except an object is refused', () => {
    for (const json of ['[1]', '1', '"a"', 'null', '']) expect(() => edit(json, {})).toThrow(TypeError);
  });
});

test('a repeated member counts with its last value, as in JSON.parse', () => {
  expect(memberBytes(Buffer.from('{"a":1,"a":[2]}'), 'a')?.toString()).toBe('[2]');
  expect(memberEntries(Buffer.from('{"a":1,"b":{},"a":[2]}')).get('a')?.toString()).toBe('[2]');
});

test('for any object and edit the result equals editing the parsed value', () => {
  const key = fc.oneof(fc.constantFrom('a', 'b', 'model'), fc.string());
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.jsonValue({ maxDepth: 3 })),
      fc.dictionary(key, fc.jsonValue({ maxDepth: 2 })),
      fc.array(key),
      fc.nat(3),
      (object, set, remove, indent) => {
        // `__proto__` set on a plain object is no member of it.
        if ([object, set].some((value) => Object.hasOwn(value, '__proto__'))) return;
        const json = Buffer.from(JSON.stringify(object, null, indent));
        const setJson = new Map(Object.entries(set).map(([name, value]) => [name, JSON.stringify(value)]));
        const expected = Object.fromEntries(Object.entries(object).filter(([name]) => !remove.includes(name)));
        const edited = JSON.parse(editObject(json, { set: setJson, remove }).toString());
        expect(edited).toEqual(JSON.parse(JSON.stringify({ ...expected, ...set })));
      },
    ),
    explore(100),
  );
});
