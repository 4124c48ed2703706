import { describe, expect, test } from 'vitest';
import { openReasoning, sealReasoning } from '../../src/dialects/openai-responses/sealed-reasoning.ts';

const text = 'Grüße, let me think 🙂';

describe('sealed reasoning', () => {
  test('can be decrypted only by the provider that encrypted it', () => {
    const sealed = sealReasoning(text, 'primary', 'done');
    expect(openReasoning(sealed, 'primary')).toBe(text);
    expect(sealed).toMatch(/^gAAAAA[\w-]+$/);
    expect(Buffer.from(sealed.slice(6), 'base64url').toString()).not.toContain('think');
  });

  test('is different each time', () => {
    const [added, done] = ['added', 'done'].map((occasion) => sealReasoning(text, 'primary', occasion));
    expect(added).not.toBe(done);
    expect(openReasoning(added!, 'primary')).toBe(openReasoning(done!, 'primary'));
  });

  test('may be empty', () => {
    expect(openReasoning(sealReasoning('', 'primary', 'done'), 'primary')).toBe('');
  });

  test.each(['', 'gAAAAA', 'gAAAAAshort', 'not sealed at all, but long enough to be taken for it by mistake'])(
    'cannot be decrypted if it is "%s"',
    (sealed) => expect(openReasoning(sealed, 'primary')).toBeNull(),
  );

  test('cannot be decrypted by another provider, or after a changed character', () => {
    const sealed = sealReasoning(text, 'primary', 'done');
    expect(openReasoning(sealed, 'secondary')).toBeNull();
    for (const at of [6, 20, 40, sealed.length - 2]) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'x' ? 'y' : 'x') + sealed.slice(at + 1);
      expect(openReasoning(changed, 'primary')).toBeNull();
    }
  });
});
