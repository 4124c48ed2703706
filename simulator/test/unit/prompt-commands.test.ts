import { describe, expect, test } from 'vitest';
import { readPromptCommands, withoutCommands } from '../../src/engine/faults/prompt-commands.ts';

const read = (text: string, name = 'simulator') => readPromptCommands(text, name);

describe('commands in a prompt', () => {
  test('are all recognised', () => {
    const text =
      'Hello. [[sim tokens=60 pace=10 first=500 fault=cut@40 cached=100 reasoning=20 thoughts=shown tool=a,b]] Bye.';
    expect(read(text)).toEqual({
      tokens: 60,
      paceMs: 10,
      firstTokenMs: 500,
      cachedTokens: 100,
      reasoningTokens: 20,
      showsReasoning: true,
      toolNames: ['a', 'b'],
      faults: [{ faults: [{ name: 'cut', afterTokens: 40 }], times: null }],
    });
  });

  test('are not found in ordinary text', () => expect(read('[[similar]] [sim tokens=3]')).toEqual({ faults: [] }));

  test('may be in several places, each with its own count', () => {
    expect(read('[[sim fault=500 times=2]] and [[sim fault=crlf,dribble:3]]').faults).toMatchObject([
      { faults: [{ name: 'server_error' }], times: 2 },
      { faults: [{ name: 'crlf' }, { name: 'dribble' }], times: null },
    ]);
  });

  test('for another simulator are ignored', () => {
    const text = '[[sim tokens=5]] [[sim on=primary fault=500]]';
    expect(read(text, 'primary').faults).toHaveLength(1);
    expect(read(text, 'secondary')).toEqual({ tokens: 5, faults: [] });
  });

  test.each([
    ['[[sim tokns=5]]', 'Unknown simulator command "tokns"'],
    ['[[sim fast]]', 'Unknown simulator command "fast"'],
    ['[[sim tokens=many]]', '"tokens" must be a number'],
    ['[[sim tokens=1.5]]', '"tokens" must be a whole number'],
    ['[[sim tokens=9999999]]', '"tokens" must be at most 1000000'],
    ['[[sim pace=-1]]', '"pace" must be a number of at least 0'],
    ['[[sim fault=none]]', 'there is no fault "none"'],
    ['[[sim thoughts=yes]]', '"thoughts" must be shown or hidden'],
  ])('%s is refused with a reason', (text, reason) => expect(() => read(text)).toThrow(reason));

  test('can be removed from the text', () => expect(withoutCommands(' one [[sim tokens=3]] two ')).toBe('one  two'));
});
