// Symptom: a body of a few megabytes of `[{},{},…]` held the API's event loop for seconds; deep nesting was a 500 or a 503
// that clients retry. Fix: bytes are scanned before anything is built from them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BODY_BOUNDS, findExcess, type JsonBounds, JsonScan, stringEnd } from '#src/protocols/bounds/json-bounds.ts';
import { explore } from '#test/support/runs.ts';

const bytes = (text: string) => Buffer.from(text);
const { depth, containers, strings, items, keyBytes, numberBytes } = BODY_BOUNDS;

describe('what exceeds a bound', () => {
  test.each([
    ['nesting', `${'['.repeat(depth + 1)}${']'.repeat(depth + 1)}`, /levels deep/],
    ['nesting of objects', `${'{"a":'.repeat(depth + 1)}1${'}'.repeat(depth + 1)}`, /levels deep/],
    ['nesting that never ends', '['.repeat(1_000_000), /levels deep/],
    ['containers', `[${'{},'.repeat(containers)}1]`, /objects and arrays/],
    ['items', `[${'1,'.repeat(items + 1)}1]`, /members and items/],
    ['keys', `{${'"a":1,'.repeat(strings)}"a":1}`, /keys and strings/],
    ['texts', `[${'"a",'.repeat(strings)}"a"]`, /keys and strings/],
    ['a key', `{"${'k'.repeat(keyBytes)}" \n:1}`, /key/],
    ['a number', `[1${'0'.repeat(numberBytes)}]`, /number/],
  ])('%s', (_name, text, said) => {
    expect(findExcess(bytes(text))).toMatch(said);
  });
});

describe('what does not exceed a bound', () => {
  test.each([
    ['nesting at the bound', `${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['a token list of the largest embedding', `[${'12345,'.repeat(300_000)}1]`],
    ['brackets in strings', `["${'['.repeat(10_000)}"]`],
    ['quotes in strings', `["${'\\"['.repeat(10_000)}"]`],
    ['a string that ends in backslashes', `["${'\\\\'.repeat(1_000)}", "${'['.repeat(500)}"]`],
    ['a long string', `["${'x'.repeat(5_000_000)}"]`],
    ['quotes in one string', `["${'\\"'.repeat(strings + 1)}"]`],
    ['a long string behind a colon', `{"a":"${'k'.repeat(keyBytes)}"}`],
    ['digits in a string', `["${'1'.repeat(5_000)}"]`],
  ])('%s', (_name, text) => {
    expect(findExcess(bytes(text))).toBeNull();
  });
});

type Counts = Pick<JsonBounds, 'depth' | 'containers' | 'strings' | 'items'>;

/** The same counts, from the parsed value. */
function measure(value: unknown): Counts {
  const nothing: Counts = { depth: 0, containers: 0, strings: typeof value === 'string' ? 1 : 0, items: 0 };
  if (typeof value !== 'object' || value === null) return nothing;
  const children = Object.values(value);
  const inner = children.map(measure);
  const sum = (name: keyof Counts) => inner.reduce((total, child) => total + child[name], 0);
  return {
    depth: 1 + Math.max(0, ...inner.map((child) => child.depth)),
    containers: 1 + sum('containers'),
    strings: (Array.isArray(value) ? 0 : children.length) + sum('strings'),
    items: Math.max(0, children.length - 1) + sum('items'),
  };
}

test('for any JSON, the counts equal those of the value', () => {
  const strings = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[\\"[\]{},]*$/),
    fc.string({ minLength: 60, maxLength: 90 }),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'medium' },
      strings,
      fc.integer(),
      fc.array(tie('tree'), { maxLength: 5 }),
      fc.dictionary(strings, tie('tree'), { maxKeys: 5 }),
    ),
  }));
  return fc.assert(
    fc.property(tree, (value) => {
      const json = bytes(JSON.stringify(value));
      const exact: JsonBounds = { ...measure(value), keyBytes: 1_000, numberBytes: 100 };
      expect(findExcess(json, exact)).toBeNull();
      for (const name of ['depth', 'containers', 'strings', 'items'] as const) {
        if (exact[name] > 0) expect(findExcess(json, { ...exact, [name]: exact[name] - 1 })).not.toBeNull();
      }
    }),
    explore(100),
  );
});

test('bytes that are not JSON are left to the parser: nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (array) => void findExcess(Buffer.from(array))),
    explore(100),
  );
});

test('in steps of any size, the result is the same', () => {
  const bounds: JsonBounds = { depth: 3, containers: 6, strings: 5, items: 8, keyBytes: 6, numberBytes: 4 };
  return fc.assert(
    fc.property(fc.json(), fc.integer({ min: 1, max: 9 }), (text, size) => {
      const json = bytes(text);
      const scan = new JsonScan(json, bounds);
      let found: string | null = null;
      while (!scan.isOver && found === null) found = scan.step(size);
      expect(found).toEqual(findExcess(json, bounds));
    }),
    explore(100),
  );
});

test('the end of every text is found', () => {
  return fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('"', '\\', 'a', 'ä', '\n'), maxLength: 300 }), (text) => {
      const json = bytes(`${JSON.stringify(text)},"x"`);
      expect(json.subarray(0, stringEnd(json, 0)).toString()).toBe(JSON.stringify(text));
    }),
    explore(100),
  );
});
