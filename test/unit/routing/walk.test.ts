import { describe, expect, test } from 'vitest';
import { NO_PROGRESS, type RequestProgress } from '#src/contracts/request-record.ts';
import { hasNext, maySkip, moveOn, skip, stepAt, takeDetour } from '#src/routing/walk.ts';

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

describe('walking through a plan', () => {
  test('failing steps are called once, in order', () => {
    expect(walk({})).toEqual(['a', 'b', 'c']);
  });

  test('a postponed step is called again when the others have failed', () => {
    expect(walk({ a: 100 })).toEqual(['a', 'b', 'c', 'a']);
  });

  test('of several postponed steps the one that is ready first comes first', () => {
    expect(walk({ a: 300, b: 100 })).toEqual(['a', 'b', 'c', 'b', 'a']);
  });

  test('if every step is postponed, each is waited for once', () => {
    expect(walk({ a: 300, b: 200, c: 100 })).toEqual(['a', 'b', 'c', 'c', 'b', 'a']);
  });

  test('the last remaining step is not postponed', () => {
    expect(maySkip(plan, 2, NO_PROGRESS)).toBe(false);
    expect(hasNext(plan, 2, NO_PROGRESS)).toBe(false);
  });

  test('failures are counted per step', () => {
    expect(moveOn(plan, 0, { ...NO_PROGRESS, failuresAtStep: 3, calls: 3 })).toMatchObject({
      failuresAtStep: 0,
      calls: 3,
    });
  });
});

describe('a detour', () => {
  const [filtered, long] = [{ code: 'upstream_content_filter' }, { code: 'upstream_context_length' }] as const;
  const step = (name: string) => ({ deployment: name, provider: name, upstreamModel: 'm', model: 'm' });
  const forked = {
    ...plan,
    detours: { [filtered.code]: [step('x'), step('y')], [long.code]: [step('large')] },
  };

  /** The deployment at the next place, and the progress there. */
  function goOn(position: number, progress: RequestProgress) {
    const moved = moveOn(forked, position, progress);
    return { progress: moved, deployment: stepAt(forked, position + 1, moved).deployment };
  }

  test('replaces the rest of the plan, including postponed steps', () => {
    const left = moveOn(forked, 0, skip(forked, 0, NO_PROGRESS, 100));
    const first = goOn(1, takeDetour(forked, 1, left, filtered)!);
    expect(first.deployment).toBe('x');
    const second = goOn(2, first.progress);
    expect(second.deployment).toBe('y');
    expect(hasNext(forked, 3, second.progress)).toBe(false);
    expect(maySkip(forked, 3, second.progress)).toBe(false);
  });

  test('may lead to another one, each once', () => {
    const first = goOn(0, takeDetour(forked, 0, NO_PROGRESS, filtered)!);
    expect(takeDetour(forked, 1, first.progress, filtered)).toBeNull();
    const other = goOn(1, takeDetour(forked, 1, first.progress, long)!);
    expect(other.deployment).toBe('large');
    expect(hasNext(forked, 2, other.progress)).toBe(false);
    expect(takeDetour(forked, 2, other.progress, filtered)).toBeNull();
  });

  test('postpones a full step for the next one, and returns to it', () => {
    const first = goOn(0, takeDetour(forked, 0, NO_PROGRESS, filtered)!);
    const second = goOn(1, skip(forked, 1, first.progress, 100));
    expect(second.deployment).toBe('y');
    expect(goOn(2, second.progress).deployment).toBe('x');
  });

  test('is taken only if the plan has one, and only for its failure', () => {
    expect(takeDetour(plan, 0, NO_PROGRESS, filtered)).toBeNull();
    expect(takeDetour(forked, 0, NO_PROGRESS, { code: 'upstream_bad_request' })).toBeNull();
  });
});
