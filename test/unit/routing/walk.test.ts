import { describe, expect, test } from 'vitest';
import { NO_PROGRESS, type RequestProgress } from '#src/contracts/request-record.ts';
import { hasNext, maySkip, moveOn, skip, stepAt } from '#src/routing/walk.ts';

const plan = {
  steps: ['a', 'b', 'c'].map((name) => ({ deployment: name, provider: name, upstreamModel: 'm', model: 'm' })),
};

/** Walks on until there is nowhere to go; `readyAtMs` of a step skips it, absence fails it. */
function walk(readyAtMs: Record<string, number>): string[] {
  const visited: string[] = [];
  let progress: RequestProgress = NO_PROGRESS;
  for (let position = 0; ; position += 1) {
    const { deployment } = stepAt(plan, position, progress);
    visited.push(deployment);
    const ready = readyAtMs[deployment];
    if (ready !== undefined && maySkip(plan, position, progress)) progress = skip(plan, position, progress, ready);
    if (!hasNext(plan, position, progress)) return visited;
    progress = moveOn(plan, position, progress);
  }
}

describe('the way through a plan', () => {
  test('steps that fail are asked once, in order', () => {
    expect(walk({})).toEqual(['a', 'b', 'c']);
  });

  test('a step that was left comes back when the others have failed', () => {
    expect(walk({ a: 100 })).toEqual(['a', 'b', 'c', 'a']);
  });

  test('of several that were left, the one that is ready first comes first', () => {
    expect(walk({ a: 300, b: 100 })).toEqual(['a', 'b', 'c', 'b', 'a']);
  });

  test('with every step left, each is waited for once', () => {
    expect(walk({ a: 300, b: 200, c: 100 })).toEqual(['a', 'b', 'c', 'c', 'b', 'a']);
  });

  test('the last step alone is not left: there is nowhere else', () => {
    expect(maySkip(plan, 2, NO_PROGRESS)).toBe(false);
    expect(hasNext(plan, 2, NO_PROGRESS)).toBe(false);
  });

  test('failures at a step are counted afresh at the next', () => {
    expect(moveOn(plan, 0, { ...NO_PROGRESS, failuresAtStep: 3, calls: 3 })).toMatchObject({
      failuresAtStep: 0,
      calls: 3,
    });
  });
});
