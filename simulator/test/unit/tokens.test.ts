import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tokensOfText } from '../../../src/protocols/providers/token-estimate.ts';
import { explore } from '../../../test/support/runs.ts';
import { sayTokens, TokenReader, takeBytes } from '../../src/engine/answers/tokens.ts';

function readAll(text: string): string[] {
  const reader = new TokenReader(text);
  const pieces: string[] = [];
  while (!reader.isAtEnd) pieces.push(reader.next());
  return pieces;
}

/** Any text that UTF-8 can carry. */
const anyText = fc.string({ unit: 'binary' });

describe('the tokenizer', () => {
  test('splits every text into as many pieces as the broker estimates tokens', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(readAll(text)).toHaveLength(tokensOfText(text));
      }),
      explore(100),
    );
  });

  test('counts k tokens after k pieces, wherever a stream is cut off', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        let soFar = '';
        for (const [index, piece] of readAll(text).entries()) {
          soFar += piece;
          expect(tokensOfText(soFar)).toBe(index + 1);
        }
        expect(soFar).toBe(text);
      }),
      explore(100),
    );
  });

  test('returns no empty piece and splits no character', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(readAll(text)).not.toContain('');
      }),
      explore(100),
    );
    expect(readAll('aaa🙂b')).toEqual(['aaa', '🙂b']);
  });

  test('returns nothing for an empty text', () => {
    expect(new TokenReader('').isAtEnd).toBe(true);
  });
});

describe('sayTokens', () => {
  test.each([0, 1, 2, 60, 1000])('returns exactly four bytes for each of %i tokens', (count) => {
    expect(Buffer.byteLength(sayTokens(count, 7))).toBe(4 * count);
  });

  test('returns the same text for the same seed, and another for another seed', () => {
    expect(sayTokens(20, 1)).toBe(sayTokens(20, 1));
    expect(sayTokens(20, 1)).not.toBe(sayTokens(20, 2));
  });

  test('starts a longer answer like a shorter one of the same seed', () => {
    expect(sayTokens(50, 3).startsWith(sayTokens(10, 3).slice(0, -1))).toBe(true);
  });
});

describe('takeBytes', () => {
  test('returns the longest prefix that fits, without splitting a character', () => {
    fc.assert(
      fc.property(anyText, fc.nat(40), (text, bytes) => {
        const taken = takeBytes(text, bytes);
        expect(text.startsWith(taken)).toBe(true);
        expect(Buffer.byteLength(taken)).toBeLessThanOrEqual(bytes);
        const more = text.slice(0, taken.length + ((text.codePointAt(taken.length) ?? 0) > 0xffff ? 2 : 1));
        if (taken !== text) expect(Buffer.byteLength(more)).toBeGreaterThan(bytes);
      }),
      explore(100),
    );
  });
});
