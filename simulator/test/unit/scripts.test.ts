import { describe, expect, test } from 'vitest';
import type { Call, Tool } from '../../src/engine/call.ts';
import { readScripts, scriptsSchema } from '../../src/engine/scripts/script.ts';
import { type Cue, ScriptBook } from '../../src/engine/scripts/script-book.ts';
import { callForTest } from './call-for-test.ts';

const tool = (name: string, more: Partial<Tool> = {}): Tool => ({ name, parameters: null, takesText: false, ...more });
const tools = [tool('read'), tool('edit'), tool('run')];
const SESSION = {
  name: 'session',
  turns: [
    { thoughts: 'Look first.', text: 'I read.', calls: [{ tool: 'read', arguments: { path: 'a' } }] },
    { calls: [{ tool: 'edit', arguments: { to: 'b' } }, { tool: 'run' }] },
    { text: 'Done.' },
  ],
};
const bookOf = (...scripts: unknown[]) => new ScriptBook(scriptsSchema.parse(scripts));
const callOf = (change: Partial<Call>) => callForTest({ tools, ...change });

function cueOf(book: ScriptBook, change: Partial<Call>, name?: string): Cue {
  const prompting = book.prompt(callOf(change), name);
  if (prompting.kind !== 'cue') throw new Error(`no cue, but ${prompting.kind}`);
  return prompting.cue;
}

describe('the current turn', () => {
  test.each([
    [0, { thoughts: 'Look first.', text: 'I read.', calls: [{ tool: { name: 'read' }, input: '{"path":"a"}' }] }],
    [
      1,
      {
        calls: [
          { tool: { name: 'edit' }, input: '{"to":"b"}' },
          { tool: { name: 'run' }, input: '{}' },
        ],
      },
    ],
    [3, { text: 'Done.', calls: [] }],
  ])('follows from the results so far: %i', (toolResults, cue) => {
    expect(cueOf(bookOf(SESSION), { toolResults })).toMatchObject(cue);
  });

  test('is the same for a retry, and counted', () => {
    const book = bookOf(SESSION);
    expect(cueOf(book, {})).toEqual(cueOf(book, {}));
    expect(book.list()[0]!.turns).toEqual([
      { calls: ['read'], said: 2 },
      { calls: ['edit', 'run'], said: 0 },
      { calls: [], said: 0 },
    ]);
  });

  test.each([
    [2, {}, 'turn 2 of "session" calls 2 tools at once, but the conversation has 2 tool results'],
    [4, {}, '"session" has ended: the conversation has 4 tool results, and it calls 3 tools'],
    [1, { isToolUseParallel: false }, 'the turn calls 2 tools at once, but the request allows one at a time'],
  ])('is refused if the session differs from the script: %i results', (toolResults, more, message) => {
    expect(() => bookOf(SESSION).prompt(callOf({ toolResults, ...more }), undefined)).toThrow(message);
  });
});

describe('a call outside the session', () => {
  test('is answered with text, and its reason is recorded', () => {
    const book = bookOf(SESSION);
    expect(book.prompt(callOf({ tools: [tool('title')] }), undefined)).toEqual({ kind: 'off' });
    expect(book.prompt(callOf({ toolChoice: { mode: 'none', allowed: null } }), undefined)).toEqual({ kind: 'off' });
    expect(book.list()[0]).toMatchObject({
      aside: 2,
      lastAside: 'turn 1 of "session" calls "read", but the request offers none',
    });
  });

  test('is refused if a tool would have to be invented', () => {
    const forced = callOf({ toolChoice: { mode: 'required', allowed: ['edit'] } });
    expect(() => bookOf(SESSION).prompt(forced, undefined)).toThrow(
      'a tool is forced, but turn 1 of "session" calls "read"',
    );
  });
});

describe('the script in force', () => {
  const book = bookOf(
    { ...SESSION, name: 'by-model', model: 'gpt-5' },
    { ...SESSION, name: 'by-text', contains: 'fix it' },
  );
  const heldBy = (change: Partial<Call>, name?: string) => {
    const before = book.list().map(({ turns }) => turns[0]!.said);
    const { kind } = book.prompt(callOf(change), name);
    return book.list().find(({ turns }, at) => turns[0]!.said > before[at]!)?.name ?? kind;
  };

  test.each([
    ['its model', { model: 'gpt-5' }, undefined, 'by-model'],
    ['the text', { lastUserText: 'Please fix it.' }, undefined, 'by-text'],
    ['its name, before both', { model: 'gpt-5' }, 'by-text', 'by-text'],
    ['nothing', {}, undefined, 'none'],
  ])('is selected by %s', (_, change, name, expected) => {
    expect(heldBy(change, name)).toBe(expected);
  });

  test('does not exist for a request without text', () => {
    expect(book.prompt(callOf({ model: 'gpt-5', choices: 0 }), undefined)).toEqual({ kind: 'none' });
  });

  test('must exist if it is named', () => {
    expect(() => book.prompt(callOf({}), 'other')).toThrow('there is no script "other"; known: by-model, by-text');
  });
});

describe('the input of a call', () => {
  const patch = { tool: 'patch', input: 'text' };
  const said = (declared: Tool, call: object) =>
    cueOf(bookOf({ name: 'one', turns: [{ calls: [call] }] }), { tools: [declared] }).calls[0]!.input;

  test('is text for a tool that accepts text, and the only argument of a function', () => {
    expect(said(tool('patch', { takesText: true }), patch)).toBe('text');
    expect(said(tool('patch', { parameters: { properties: { input: {} } } }), patch)).toBe('{"input":"text"}');
  });

  test('is refused if it does not match the kind of tool', () => {
    expect(() => said(tool('patch', { parameters: { properties: { a: {}, b: {} } } }), patch)).toThrow(
      'takes 2 arguments',
    );
    expect(() => said(tool('patch', { takesText: true }), { tool: 'patch', arguments: {} })).toThrow('takes text');
  });

  test('reaches the tool of a group by both names', () => {
    expect(said(tool('read', { namespace: 'files' }), { tool: 'files.read' })).toBe('{}');
  });
});

describe('a file', () => {
  test('holds one script, named as the file, or a list; YAML or JSON', () => {
    expect(readScripts('turns: [{ text: Hi. }]', '/tmp/greet.yaml')).toMatchObject([{ name: 'greet' }]);
    expect(readScripts('[{"name":"a","turns":[{"text":"1"}]}]', 'x.json')).toMatchObject([{ name: 'a' }]);
  });

  test.each([
    ['turns: [', 'x.yaml: Flow sequence'],
    ['turns: []', 'x.yaml is not a valid script:\n  turns: Too small'],
    ['turns: [{}]', 'turns.0: a turn has "text", "calls", or both'],
    ['turns: [{ text: a }, { text: b }]', 'turns.0: calls no tool, which ends the session'],
    [
      'turns: [{ calls: [{ tool: a, arguments: {}, input: b }] }]',
      'turns.0.calls.0: a call has "arguments" or "input"',
    ],
    ['turns: [{ say: a }]', 'turns.0: Unrecognized key: "say"'],
    ['hello', 'x.yaml is not a valid script'],
    ['- { name: a, turns: [{ text: b }] }\n- { name: a, turns: [{ text: b }] }', '1.name: there are two scripts "a"'],
  ])('is refused with the position of the error: %s', (text, message) => {
    expect(() => readScripts(text, 'x.yaml')).toThrow(message);
  });
});
