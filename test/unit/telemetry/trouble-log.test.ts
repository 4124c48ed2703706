// Symptom: a Redis outage of a minute wrote 334 lines with stacks. Cause: a line for each error. Fix: a line for each change
// of state.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Logger } from '#src/telemetry/logger.ts';
import { createTroubleLog, type TroubleLog } from '#src/telemetry/trouble-log.ts';

let lines: { level: string; fields: Record<string, unknown>; text: string }[];
let log: TroubleLog;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  const at = (level: string) => (fields: Record<string, unknown>, text: string) => lines.push({ level, fields, text });
  log = createTroubleLog({ warn: at('warn'), info: at('info') } as unknown as Logger, 'Redis');
});
afterEach(() => vi.useRealTimers());

const refused = () => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' });

test('an outage is logged in two lines, however many calls fail', () => {
  for (let count = 0; count < 1_000; count++) log.note(refused());
  log.over();
  expect(lines.map(({ text }) => text)).toEqual(['trouble with Redis', 'trouble with Redis is over']);
  expect(lines[1]!.fields).toMatchObject({ errors: 1_000 });
});

test('another kind of outage is one more line', () => {
  for (const error of [refused(), new Error('LOADING Redis is loading'), refused(), new Error('LOADING Redis is …')]) {
    log.note(error);
  }
  expect(lines.map(({ fields }) => fields.kind)).toEqual(['ECONNREFUSED', 'LOADING']);
});

test('after a time without errors its end and duration are logged', () => {
  log.note(refused());
  vi.advanceTimersByTime(5_000);
  log.note(refused());
  vi.advanceTimersByTime(60_000);
  expect(lines.at(-1)).toMatchObject({ level: 'info', fields: { errors: 2, lasted_ms: 5_000 } });
  log.over();
  expect(lines).toHaveLength(2);
});

test('the stack of an unexpected error is logged once', () => {
  log.note(new TypeError('undefined is not a function'));
  log.note(new TypeError('undefined is not a function'));
  expect(lines).toHaveLength(1);
  expect(lines[0]!.fields.err).toBeInstanceOf(TypeError);
  log.note(refused());
  expect(lines[1]!.fields).not.toHaveProperty('err');
});

test('a text causes only a few lines', () => {
  for (let count = 0; count < 100; count++) log.note(new Error(`kind ${'x'.repeat(count)}`));
  expect(lines.length).toBeLessThanOrEqual(8);
});
