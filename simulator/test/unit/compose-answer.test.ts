import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/engine/answers/answer.ts';
import { composeAnswer, filterAnswer } from '../../src/engine/answers/compose-answer.ts';
import { hashText } from '../../src/engine/answers/random.ts';
import type { Call, Tool } from '../../src/engine/call.ts';
import { readPromptCommands } from '../../src/engine/faults/prompt-commands.ts';
import type { Prompting } from '../../src/engine/scripts/script-book.ts';
import { callForTest } from './call-for-test.ts';

interface Circumstances {
  prompting?: Prompting;
  seed?: number;
  roomTokens?: number;
  continuesPrefill?: boolean;
}

function compose(change: Partial<Call>, circumstances: Circumstances = {}): Answer {
  const call = callForTest(change);
  return composeAnswer({
    call,
    commands: readPromptCommands(call.lastUserText, 'simulator'),
    promptKey: hashText(call.promptText),
    seed: 0,
    tokens: 10,
    roomTokens: 1_000,
    prompting: { kind: 'none' },
    continuesPrefill: false,
    ...circumstances,
  });
}

function textOf(answer: Answer, choice = 0): string {
  return answer.choices[choice]!.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

function callsOf(answer: Answer): { name: string; input: string }[] {
  return answer.choices[0]!.parts.flatMap((part) => (part.kind === 'tool_call' ? [part] : []));
}

describe('an answer', () => {
  test('is the same for the same call, and differs for another model, prompt or seed', () => {
    const answer = textOf(compose({}));
    expect(textOf(compose({}))).toBe(answer);
    expect(textOf(compose({ model: 'other' }))).not.toBe(answer);
    expect(textOf(compose({ lastUserText: 'Another.' }))).not.toBe(answer);
    expect(textOf(compose({ seed: 5 }))).not.toBe(answer);
    expect(textOf(compose({}, { seed: 1 }))).not.toBe(answer);
  });

  test('has the length set by behaviour or command', () => {
    expect(compose({}).usage.outputTokens).toBe(10);
    expect(compose({ lastUserText: 'x [[sim tokens=25]]' }).usage.outputTokens).toBe(25);
  });

  test('is cut at the token limit, and is then a prefix of the complete answer', () => {
    const whole = textOf(compose({}));
    const answer = compose({ maxOutputTokens: 4 });
    expect(answer.choices[0]!.finish).toBe('length');
    expect(answer.usage.outputTokens).toBe(4);
    expect(whole.startsWith(textOf(answer))).toBe(true);
  });

  test('is cut at the end of the context window', () => {
    expect(compose({}, { roomTokens: 3 }).usage.outputTokens).toBe(3);
  });

  test('differs between choices, and all are counted', () => {
    const answer = compose({ choices: 3 });
    expect(new Set([0, 1, 2].map((choice) => textOf(answer, choice))).size).toBe(3);
    expect(answer.usage.outputTokens).toBe(30);
  });

  test('echoes the requested text, without the commands', () => {
    const answer = compose({ lastUserText: 'Reply with exactly: grüße 🙂 [[sim pace=1]]' });
    expect(textOf(answer)).toBe('grüße 🙂');
    expect(answer.usage.outputTokens).toBe(3);
  });

  test('ends before a stop sequence', () => {
    const answer = compose({ lastUserText: 'Reply with exactly: one two three', stop: ['three', 'two'] });
    expect(textOf(answer)).toBe('one ');
    expect(answer.choices[0]).toMatchObject({ finish: 'stop', stoppedBy: 'two' });
    expect(compose({ stop: ['END'] }).choices[0]).not.toHaveProperty('stoppedBy');
  });

  test('counts reasoning as output, and shows it if requested', () => {
    const { usage, choices } = compose({ lastUserText: '[[sim reasoning=7]]' });
    expect(usage).toMatchObject({ outputTokens: 17, reasoningTokens: 7 });
    expect(choices[0]!.parts[0]).toMatchObject({ kind: 'reasoning', isShown: false });
    const shown = compose({ lastUserText: '[[sim reasoning=7 thoughts=shown]]' });
    expect(shown.choices[0]!.parts[0]).toMatchObject({ isShown: true });
  });

  test('can spend everything on reasoning', () => {
    const answer = compose({ lastUserText: '[[sim reasoning=7]]', maxOutputTokens: 5 });
    expect(answer.usage).toMatchObject({ outputTokens: 5, reasoningTokens: 5 });
    expect(textOf(answer)).toBe('');
    expect(answer.choices[0]!.finish).toBe('length');
  });

  test('reads at most as many prompt tokens from the cache as there are', () => {
    expect(compose({ lastUserText: '[[sim cached=8]]' }).usage.cachedInputTokens).toBe(8);
    expect(compose({ lastUserText: '[[sim cached=800]]' }).usage.cachedInputTokens).toBe(20);
  });

  test('writes to the cache what the request marks and no command reads', () => {
    const cache = { readTokens: 5, markedTokens: 15 };
    expect(compose({ cache }).usage).toMatchObject({ cachedInputTokens: 5, cacheWriteTokens: 10 });
    const commanded = compose({ cache, lastUserText: '[[sim cached=18]]' });
    expect(commanded.usage).toMatchObject({ cachedInputTokens: 18, cacheWriteTokens: 0 });
    expect(compose({ cache: { readTokens: 0, markedTokens: 99 } }).usage.cacheWriteTokens).toBe(20);
  });

  test('can have an image, after text or alone', () => {
    const file = { mediaType: 'image/png', data: 'AAAA', tokens: 100 };
    const both = compose({ image: { file, isAlone: false } });
    expect(both.choices[0]!.parts.map(({ kind }) => kind)).toEqual(['text', 'image']);
    expect(both.usage.outputTokens).toBe(110);
    expect(compose({ image: { file, isAlone: true } }).choices[0]!.parts).toEqual([{ kind: 'image', ...file }]);
    const cut = compose({ image: { file, isAlone: false }, maxOutputTokens: 50 });
    expect(cut.choices[0]).toMatchObject({ parts: [{ kind: 'text' }], finish: 'length' });
  });

  test('thinks as long as the request sets, unless a command does', () => {
    expect(compose({ reasoningTokens: 6 }).usage).toMatchObject({ outputTokens: 16, reasoningTokens: 6 });
    expect(compose({ reasoningTokens: 0 }).choices[0]!.parts).toHaveLength(1);
    expect(compose({ reasoningTokens: 6, lastUserText: '[[sim reasoning=2]]' }).usage.reasoningTokens).toBe(2);
  });

  test('can be a refusal, without tool calls', () => {
    const tools = [{ name: 'get_weather', parameters: null, takesText: false }];
    const answer = compose({ tools, lastUserText: 'weather [[sim refusal=3]]' });
    expect(answer.choices[0]).toMatchObject({ parts: [{ kind: 'text', isRefusal: true }], finish: 'stop' });
    expect(answer.usage.outputTokens).toBe(3);
  });

  test('has no text if none is requested', () => {
    expect(compose({ choices: 0 })).toMatchObject({ choices: [], usage: { inputTokens: 20, outputTokens: 0 } });
  });

  test('continues a prefilled beginning, if the behaviour is set to that', () => {
    const whole = textOf(compose({}));
    const prefill = whole.slice(0, 16);
    expect(textOf(compose({ prefill }, { continuesPrefill: true }))).toBe(whole.slice(16));
    expect(textOf(compose({ prefill }))).toBe(whole);
    expect(textOf(compose({ prefill: 'Something else' }, { continuesPrefill: true }))).toBe(whole);
  });

  test('is shorter if filtered, with the reason', () => {
    const answer = filterAnswer(compose({}), 4);
    expect(answer.usage.outputTokens).toBe(4);
    expect(answer.choices[0]!.finish).toBe('content_filter');
  });
});

describe('a structured answer', () => {
  test('is an object if JSON is requested', () => {
    expect(JSON.parse(textOf(compose({ format: { kind: 'json' } })))).toEqual({ answer: expect.any(String) });
  });

  test('is one of the allowed values', () => {
    expect(['red', 'blue']).toContain(textOf(compose({ format: { kind: 'enum', values: ['red', 'blue'] } })));
  });

  test('matches the schema', () => {
    const schema = { type: 'object', properties: { steps: { type: 'array', items: { type: 'integer' } } } };
    const value = JSON.parse(textOf(compose({ format: { kind: 'schema', schema } })));
    expect(value).toEqual({ steps: [expect.any(Number)] });
  });
});

describe('tool calls', () => {
  const tool = (name: string): Tool => ({
    name,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    takesText: false,
  });
  const tools = [tool('get_weather'), tool('find_train')];
  const names = (change: Partial<Call>) => callsOf(compose({ tools, ...change })).map(({ name }) => name);

  test('are made when the prompt names a tool, completely or by a distinctive part', () => {
    expect(names({ lastUserText: 'What is the weather like?' })).toEqual(['get_weather']);
    expect(names({ lastUserText: 'Please get_weather now' })).toEqual(['get_weather']);
    expect(names({ lastUserText: 'weather and train' })).toEqual(['get_weather', 'find_train']);
    expect(names({ lastUserText: 'Please get me a song' })).toEqual([]);
  });

  test('are not parallel if the request forbids it', () => {
    expect(names({ lastUserText: 'weather and train', isToolUseParallel: false })).toEqual(['get_weather']);
  });

  test('are made when the request or a command forces them', () => {
    expect(names({ toolChoice: { mode: 'required', allowed: null } })).toEqual(['get_weather']);
    expect(names({ toolChoice: { mode: 'required', allowed: ['find_train'] } })).toEqual(['find_train']);
    expect(names({ lastUserText: '[[sim tool=find_train,get_weather]]' })).toEqual(['find_train', 'get_weather']);
  });

  test('are not made when the request forbids them, or after results', () => {
    expect(names({ lastUserText: 'weather', toolChoice: { mode: 'none', allowed: null } })).toEqual([]);
    expect(names({ lastUserText: 'weather', endsWithToolResult: true })).toEqual([]);
    expect(names({ lastUserText: '[[sim tool=find_train]]', endsWithToolResult: true })).toEqual([]);
  });

  test('have arguments that match the schema; name and arguments are counted', () => {
    const answer = compose({ tools, lastUserText: 'weather' });
    const [call] = callsOf(answer);
    expect(JSON.parse(call!.input)).toEqual({ city: expect.any(String) });
    expect(answer.choices[0]!.finish).toBe('tool_calls');
    expect(answer.usage.outputTokens).toBe(Math.ceil((call!.name.length + call!.input.length) / 4));
  });

  test('with free text have free text', () => {
    const custom: Tool = { name: 'run_query', parameters: null, takesText: true };
    const [call] = callsOf(compose({ tools: [custom], lastUserText: 'run the query' }));
    expect(call!.input).toMatch(/^[a-z .]+$/);
  });
});
