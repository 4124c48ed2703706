// Symptom: a provider's error that quotes the key it was sent reached tenants, Redis and SQL, unless the key had a known
// prefix. Fix: configured secrets are masked exactly, in every form in which servers quote them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createProviderSecrets, createSecretMask } from '#src/contracts/secret-mask.ts';
import { explore } from '#test/support/runs.ts';

const SECRET = '5f4dcc3b5aa765d61d8327deb882cf99';

describe('a secret in a text', () => {
  const mask = createSecretMask(['a/b"c+d==1', SECRET, `${SECRET}-longer`]);

  test.each([
    ['as it is', `the key ${SECRET} is wrong`, 'the key [redacted] is wrong'],
    ['twice', `${SECRET} and ${SECRET}`, '[redacted] and [redacted]'],
    ['escaped as JSON', JSON.stringify({ key: 'a/b"c+d==1' }), '{"key":"[redacted]"}'],
    ['with escaped slashes', String.raw`{"key":"a\/b\"c+d==1"}`, '{"key":"[redacted]"}'],
    ['percent-encoded', `?key=${encodeURIComponent('a/b"c+d==1')}`, '?key=[redacted]'],
    ['as the beginning of another', `${SECRET}-longer`, '[redacted]'],
    ['not at all', 'quota exceeded', 'quota exceeded'],
  ])('%s', (_name, said, shown) => {
    expect(mask.text(said)).toBe(shown);
    expect(mask.bytes(Buffer.from(said)).toString()).toBe(shown);
  });

  test('bytes without one are the same bytes', () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x41]);
    expect(mask.bytes(bytes)).toBe(bytes);
  });
});

test('in pieces: however it is split, the result is the same', () => {
  const piece = fc.oneof(fc.constantFrom(SECRET, SECRET.slice(0, 9), 'ä…', '\n\n', '5'), fc.string({ maxLength: 12 }));
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      (texts, sizes) => {
        const mask = createSecretMask([SECRET]);
        const whole = Buffer.from(texts.join(''));
        const pieces = mask.open()!;
        const out: Buffer[] = [];
        for (let at = 0; at < whole.length; ) {
          const size = sizes.next().value as number;
          out.push(pieces.push(whole.subarray(at, at + size)));
          at += size;
        }
        out.push(pieces.end());
        expect(Buffer.concat(out).toString()).toBe(mask.bytes(whole).toString());
      },
    ),
    explore(100),
  );
});

test('nothing of a finished event is held back', () => {
  const pieces = createSecretMask([SECRET]).open()!;
  expect(pieces.push(Buffer.from('data: {"a":5}\n\n')).toString()).toBe('data: {"a":5}\n\n');
});

test('a key that is a word is masked in errors but not in answers; a key of three letters is not masked', () => {
  const { ofAnswers, ofFailures } = createProviderSecrets(['simulated', 'key']);
  expect(ofAnswers.open()).toBeNull();
  expect(ofFailures.text('simulated: no such key')).toBe('[redacted]: no such key');
});
