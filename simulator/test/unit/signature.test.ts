import { describe, expect, test } from 'vitest';
import { isGenuine, sign } from '../../src/dialects/signature.ts';

const claim = { issuer: 'vendor', subject: 'thought' };

describe('a signature', () => {
  test('is valid, and the same for the same content', () => {
    const signature = sign(claim, 'source');
    expect(signature).toBe(sign(claim, 'source'));
    expect(signature).not.toBe(sign(claim, 'other source'));
    expect(isGenuine(signature, claim)).toBe(true);
    expect(isGenuine(sign(claim, 'other source'), claim)).toBe(true);
  });

  test('is invalid elsewhere', () => {
    const signature = sign(claim, 'source');
    expect(isGenuine(signature, { ...claim, issuer: 'another' })).toBe(false);
    expect(isGenuine(signature, { ...claim, subject: 'thoughts' })).toBe(false);
    expect(
      isGenuine(sign({ issuer: 'vendorthought', subject: '' }, 's'), { issuer: 'vendor', subject: 'thought' }),
    ).toBe(false);
  });

  test.each(['', 'AAAA', 'not base64 at all', sign(claim, 'source').slice(0, -8)])('cannot be "%s"', (text) => {
    expect(isGenuine(text, claim)).toBe(false);
  });

  test('is invalid after any changed character', () => {
    const signature = sign(claim, 'source');
    for (let at = 0; at < signature.length - 2; at++) {
      const other = signature[at] === 'A' ? 'B' : 'A';
      expect(isGenuine(signature.slice(0, at) + other + signature.slice(at + 1), claim)).toBe(false);
    }
  });
});
