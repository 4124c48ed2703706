import { expect, test } from 'vitest';
import { addressMatcher, isAddressRange } from '#src/config/address-ranges.ts';

test.each(['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', '2001:db8::/32'])('%s is a valid range', (text) => {
  expect(isAddressRange(text)).toBe(true);
});

test.each(['', 'localhost', '10.0.0.0/33', '10.0.0/8', '::1/129', '10.0.0.0/', '10.0.0.0/8/8', '1::2::3'])(
  '%s is invalid',
  (text) => {
    expect(isAddressRange(text)).toBe(false);
  },
);

test('an address is matched in both its forms', () => {
  const isProxy = addressMatcher(['10.0.0.0/8', '::1']);
  expect(['10.1.2.3', '::ffff:10.1.2.3', '::1', '11.0.0.1', '::2', ''].map(isProxy)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(addressMatcher([])('10.1.2.3')).toBe(false);
});
