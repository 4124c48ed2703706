import { expect, test } from 'vitest';
import { createSecretBox } from '#src/webhooks/secret-box.ts';

const SECRET = 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0';

test('an encrypted secret is unreadable, and can be decrypted only in its place', () => {
  const box = createSecretBox('key-one');
  const sealed = box.seal(SECRET, 'we_1');
  expect(sealed).not.toContain('c2VjcmV0');
  expect(sealed).not.toBe(box.seal(SECRET, 'we_1'));
  expect(box.open(sealed, 'we_1')).toBe(SECRET);
  expect(() => box.open(sealed, 'we_2')).toThrow('SLUICE_SECRETS_KEY');
});

test('a key can be replaced step by step: the first encrypts, all decrypt', () => {
  const sealed = createSecretBox('old').seal(SECRET, 'we_1');
  const both = createSecretBox('new, old');
  expect(both.open(sealed, 'we_1')).toBe(SECRET);
  expect(createSecretBox('new').open(both.seal(SECRET, 'we_1'), 'we_1')).toBe(SECRET);
  expect(() => createSecretBox('new').open(sealed, 'we_1')).toThrow();
  expect(() => createSecretBox(undefined).open(sealed, 'we_1')).toThrow();
});

test('without a key a secret is stored in plain text, and is still readable once there is one', () => {
  const stored = createSecretBox(undefined).seal(SECRET, 'we_1');
  expect(createSecretBox('later').open(stored, 'we_1')).toBe(SECRET);
});

test('tampered data cannot be decrypted', () => {
  const box = createSecretBox('key-one');
  const sealed = box.seal(SECRET, 'we_1');
  const bytes = Buffer.from(sealed.slice(3), 'base64');
  bytes[20]! ^= 1;
  expect(() => box.open(`v1:${bytes.toString('base64')}`, 'we_1')).toThrow();
});
