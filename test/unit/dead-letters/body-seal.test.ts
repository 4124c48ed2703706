import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { deadLetters } from '#src/config/server-schema.ts';
import { createBodySeal } from '#src/dead-letters/dead-letter.ts';

const key = randomBytes(32).toString('base64');
const other = randomBytes(32).toString('base64');
const body = Buffer.from('{"messages":[{"role":"user","content":"my secret"}]}');
const sealed = (settings: object) => createBodySeal(deadLetters.parse(settings));

test('with a key bodies are encrypted, and can be decrypted only for their own request', () => {
  const seal = sealed({ key });
  const stored = seal.close(body, 'req_a');
  expect(stored.form).toBe('sealed');
  expect(Buffer.from(stored.bytes!).toString('latin1')).not.toContain('secret');
  expect(seal.open(stored, 'req_a')).toEqual(body);
  expect(() => seal.open(stored, 'req_b')).toThrow('changed');
});

test('the same body is encrypted differently each time', () => {
  const seal = sealed({ key });
  expect(seal.close(body, 'req_a').bytes).not.toEqual(seal.close(body, 'req_a').bytes);
});

test('a changed byte prevents decryption', () => {
  const seal = sealed({ key });
  const stored = seal.close(body, 'req_a');
  stored.bytes![20]! ^= 1;
  expect(() => seal.open(stored, 'req_a')).toThrow('changed');
});

test('without a key no body is kept, unless plain text is configured', () => {
  expect(sealed({}).keepsBodies).toBe(false);
  expect(sealed({}).close(body, 'req_a')).toEqual({ form: 'none', keyId: null, bytes: null });
  const plain = sealed({ bodies: 'plain' });
  expect(plain.open(plain.close(body, 'req_a'), 'req_a')).toEqual(body);
  expect(sealed({ bodies: 'none', key }).keepsBodies).toBe(false);
});

test('a replaced key still decrypts; a missing one is named', () => {
  const stored = sealed({ key }).close(body, 'req_a');
  expect(sealed({ key: other, earlier_keys: [key] }).open(stored, 'req_a')).toEqual(body);
  expect(() => sealed({ key: other }).open(stored, 'req_a')).toThrow(stored.keyId!);
});

test('invalid settings are errors', () => {
  expect(deadLetters.safeParse({ bodies: 'encrypted' }).error?.issues[0]?.path).toEqual(['key']);
  expect(deadLetters.safeParse({ key: 'c2hvcnQ=' }).success).toBe(false);
});
