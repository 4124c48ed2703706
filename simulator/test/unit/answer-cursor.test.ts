import { describe, expect, test } from 'vitest';
import { NO_USAGE } from '../../../src/contracts/usage.ts';
import type { Answer, AnswerPart } from '../../src/engine/answers/answer.ts';
import { AnswerCursor, type Step } from '../../src/engine/answers/answer-cursor.ts';

function stepsOf(...choices: AnswerPart[][]): Step[] {
  const answer: Answer = { choices: choices.map((parts) => ({ parts, finish: 'stop' })), usage: NO_USAGE };
  const cursor = new AnswerCursor(answer);
  return Array.from({ length: 100 }, () => cursor.next()).filter((step) => step !== null);
}

const text = (value: string): AnswerPart => ({ kind: 'text', text: value });
const total = (steps: readonly Step[]) => steps.reduce((sum, { tokens }) => sum + tokens, 0);

describe('the steps of an answer', () => {
  test('are its tokens in order', () => {
    const steps = stepsOf([text('one two six.')]);
    expect(steps.map((step) => step.text)).toEqual(['one ', 'two ', 'six.']);
    expect(steps.map((step) => step.isFirstOfPart)).toEqual([true, false, false]);
    expect(steps.map((step) => step.isLastOfPart)).toEqual([false, false, true]);
  });

  test('of several choices alternate, to the end of the longest', () => {
    const steps = stepsOf([text('aaaabbbb')], [text('cccc')], [text('ddddeeeeffff')]);
    expect(steps.map((step) => step.text)).toEqual(['aaaa', 'cccc', 'dddd', 'bbbb', 'eeee', 'ffff']);
    expect(steps.map((step) => step.choice)).toEqual([0, 1, 2, 0, 2, 2]);
  });

  test('start a tool call with its name, which may be several tokens', () => {
    const call: AnswerPart = { kind: 'tool_call', id: '1', name: 'get_weather', input: '{"a":12}', takesText: false };
    const steps = stepsOf([call]);
    expect(steps.map((step) => [step.text, step.tokens])).toEqual([
      ['', 3],
      ['{"a"', 1],
      [':12}', 1],
    ]);
  });

  test('contain an image as one step, with all its tokens', () => {
    const image: AnswerPart = { kind: 'image', mediaType: 'image/png', data: 'AAAA', tokens: 100 };
    const steps = stepsOf([text('abcd'), image, text('efgh')]);
    expect(steps.map((step) => [step.text, step.tokens, step.isLastOfPart])).toEqual([
      ['abcd', 1, true],
      ['', 100, true],
      ['efgh', 1, true],
    ]);
  });

  test('count the bytes of all parts together, as the broker does', () => {
    const steps = stepsOf([text('abcde'), { kind: 'tool_call', id: '1', name: 'f', input: '{}', takesText: false }]);
    expect(total(steps)).toBe(2);
  });

  test('are none for an empty answer', () => {
    expect(stepsOf([text('')], [])).toEqual([]);
  });
});
