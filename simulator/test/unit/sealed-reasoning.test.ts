import { describe, expect, test } from 'vitest';
import { openReasoning, sealReasoning } from '../../src/dialects/openai-responses/sealed-reasoning.ts';

const text = 'Grüße, let me think 🙂';

describe('sealed reasoning', () => {
  test('opens for the provider that sealed it, and shows nothing before', () => {
    const sealed = sealReasoning(text, 'primary', 'done');
    expect(openReasoning(sealed, 'primary')).toBe(text);
    expect(sealed).toMatch(/^gAAAAA[\w-]+$/);
    expect(Buffer.from(sealed.slice(6), 'base64url').toString()).not.toContain('think');
  });

  test('is another text on every occasion', () => {
    const [added, done] = ['added', 'done'].map((occasion) => sealReasoning(text, 'primary', occasion));
    expect(added).not.toBe(done);
    expect(openReasoning(added!, 'primary')).toBe(openReasoning(done!, 'primary'));
  });

  test('may be empty', () => {
    expect(openReasoning(sealReasoning('', 'primary', 'done'), 'primary')).toBe('');
  });

  test.each(['', 'gAAAAA', 'gAAAAAshort', 'not sealed at all, but long enough to be taken for it by mistake'])(
    'does not open where it is "%s"',
    (sealed) => expect(openReasoning(sealed, 'primary')).toBeNull(),
  );

  test('does not open for another provider, nor with one character changed', () => {
    const sealed = sealReasoning(text, 'primary', 'done');
    expect(openReasoning(sealed, 'secondary')).toBeNull();
    for (const at of [6, 20, 40, sealed.length - 2]) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'x' ? 'y' : 'x') + sealed.slice(at + 1);
      expect(openReasoning(changed, 'primary')).toBeNull();
    }
  });
});
