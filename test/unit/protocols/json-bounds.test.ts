// Symptom: a body of a few megabytes of `[{},{},…]` held the API's event loop for seconds; deep nesting was a 500 or a
// 503 that clients repeat. Fix: bytes are looked over before anything is built of them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BODY_BOUNDS, findExcess, type JsonBounds } from '#src/protocols/json-bounds.ts';

const bytes = (text: string) => Buffer.from(text);
const { depth, containers, items, numberBytes } = BODY_BOUNDS;

describe('what exceeds a bound', () => {
  test.each([
    ['nesting', `${'['.repeat(depth + 1)}${']'.repeat(depth + 1)}`, /levels deep/],
    ['nesting of objects', `${'{"a":'.repeat(depth + 1)}1${'}'.repeat(depth + 1)}`, /levels deep/],
    ['nesting that never ends', '['.repeat(1_000_000), /levels deep/],
    ['containers', `[${'{},'.repeat(containers)}1]`, /objects and arrays/],
    ['items', `[${'1,'.repeat(items + 1)}1]`, /members and items/],
    ['a number', `[1${'0'.repeat(numberBytes)}]`, /number/],
  ])('%s', (_name, text, said) => {
    expect(findExcess(bytes(text))).toMatch(said);
  });
});

describe('what does not', () => {
  test.each([
    ['nesting at the bound', `${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['a token list of the largest embedding', `[${'12345,'.repeat(300_000)}1]`],
    ['brackets in strings', `["${'['.repeat(10_000)}"]`],
    ['quotes in strings', `["${'\\"['.repeat(10_000)}"]`],
    ['a string that ends in backslashes', `["${'\\\\'.repeat(1_000)}", "${'['.repeat(500)}"]`],
    ['a long string', `["${'x'.repeat(5_000_000)}"]`],
    ['digits in a string', `["${'1'.repeat(5_000)}"]`],
  ])('%s', (_name, text) => {
    expect(findExcess(bytes(text))).toBeNull();
  });
});

/** The same counts, from the parsed value. */
function measure(value: unknown): { depth: number; containers: number; items: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, containers: 0, items: 0 };
  const children = Object.values(value);
  const inner = children.map(measure);
  return {
    depth: 1 + Math.max(0, ...inner.map((child) => child.depth)),
    containers: 1 + inner.reduce((sum, child) => sum + child.containers, 0),
    items: Math.max(0, children.length - 1) + inner.reduce((sum, child) => sum + child.items, 0),
  };
}

test('of any JSON, the counts are those of the value', () => {
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
  fc.assert(
    fc.property(tree, (value) => {
      const json = bytes(JSON.stringify(value));
      const exact: JsonBounds = { ...measure(value), numberBytes: 100 };
      expect(findExcess(json, exact)).toBeNull();
      for (const name of ['depth', 'containers', 'items'] as const) {
        if (exact[name] > 0) expect(findExcess(json, { ...exact, [name]: exact[name] - 1 })).not.toBeNull();
      }
    }),
  );
});

test('bytes that are no JSON are the parser’s to refuse: nothing throws', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (array) => void findExcess(Buffer.from(array))));
});
