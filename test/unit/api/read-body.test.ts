import { describe, expect, test } from 'vitest';
import { expectBytes, readBody, readExactBody, readMember, readOptionalBody } from '#src/api/admit/read-body.ts';
import { FailureError } from '#src/contracts/failure.ts';

const large = (count: number) => Buffer.from(JSON.stringify({ texts: Array(count).fill('x'.repeat(1_000)) }));

test('a large body gives the right value', async () => {
  const bytes = large(2_000);
  expect(await readBody(bytes)).toEqual({ bytes, value: JSON.parse(bytes.toString()) });
});

test('the event loop runs often during the scan of a large body, and between several parses', async () => {
  let isOver = false;
  let turns = 0;
  const others = () => {
    turns += 1;
    if (!isOver) setImmediate(others);
  };
  setImmediate(others);
  await Promise.all([large(4_000), large(4_000), large(4_000)].map(readBody));
  isOver = true;
  // A turn for each megabyte, and one before each parse.
  expect(turns).toBeGreaterThanOrEqual(6);
});

describe('refused', () => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', Buffer.alloc(0), /empty/],
    ['no body', undefined, /empty/],
    ['half a character', Buffer.from([0x22, 0xc3, 0x22]), /UTF-8/],
    ['no JSON', Buffer.from('{"a":}'), /could not parse/],
    ['a small deep body', Buffer.from('['.repeat(500)), /levels deep/],
    ['a large deep body', Buffer.concat([large(500), Buffer.from('['.repeat(500))]), /levels deep/],
    ['a large body that is no JSON', Buffer.concat([large(500), Buffer.from('}')]), /could not parse/],
  ])('%s', async (_name, body, said) => {
    const refused = expect.objectContaining({ failure: expect.objectContaining({ code: 'request_malformed' }) });
    for (const read of [readBody, readExactBody]) {
      await expect(read(body)).rejects.toThrow(FailureError);
      await expect(read(body)).rejects.toEqual(refused);
      await expect(read(body)).rejects.toThrow(said);
    }
  });
});

test('a refused body does not prevent the next from being parsed', async () => {
  const broken = Buffer.concat([large(500), Buffer.from('}')]);
  const [first, second] = await Promise.allSettled([readBody(broken), readBody(large(500))]);
  expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
});

test('an optional body', async () => {
  expect(await readOptionalBody(undefined)).toEqual({});
  expect(await readOptionalBody(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
});

test('a member of an unparsed body', () => {
  const bytes = expectBytes(Buffer.from('{"a": [1, 2], "b": 3}'));
  expect(String(readMember(bytes, 'a'))).toBe('[1, 2]');
  expect(readMember(bytes, 'c')).toBeNull();
  expect(() => readMember(Buffer.from('{"a": "'), 'a')).toThrow(FailureError);
  expect(() => readMember(Buffer.from('[]'), 'a')).toThrow(FailureError);
});
