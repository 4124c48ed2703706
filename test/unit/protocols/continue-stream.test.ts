import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import { type ContinueMode, ContinuingDecoder, markRescued } from '#src/protocols/call/continue-stream.ts';
import type { AnswerDecoder, AnswerEncoder, ResumedStream } from '#src/protocols/codec.ts';
import type { SseEvent } from '#src/protocols/wire/sse-splitter.ts';

const EVENT: SseEvent = { raw: Buffer.alloc(0), name: null, data: null, isSteering: false };
const NO_ENCODER: AnswerEncoder = { encode: () => '', end: () => '' };

const start: AnswerEvent = { kind: 'answer-start', id: 'other', model: 'm' };
const finish: AnswerEvent = { kind: 'finish', choice: 0, reason: 'stop' };
const open = (part: number, kind: 'text' | 'reasoning' = 'text'): AnswerEvent => ({
  kind: 'part-start',
  choice: 0,
  part,
  start: { kind },
});
const say = (part: number, delta: string): AnswerEvent => ({ kind: 'part-delta', choice: 0, part, delta });
const close = (part: number): AnswerEvent => ({ kind: 'part-end', choice: 0, part });
const call: AnswerEvent = { kind: 'part-start', choice: 0, part: 1, start: { kind: 'tool-call', id: 'c', name: 'f' } };

/** What the client is still given of a new stream, when it has `text` as part 2 of its answer. */
function missing(
  events: AnswerEvent[],
  mode: ContinueMode = 'repeat',
  resumed: Partial<ResumedStream> = {},
): AnswerEvent[] {
  const queue = [...events];
  const decoder: AnswerDecoder = { decode: () => queue.splice(0, 1), close: () => [] };
  const state = { encoder: NO_ENCODER, part: 2, text: 'It is sunny', isOpen: true, ...resumed };
  const continuing = new ContinuingDecoder(decoder, state, mode);
  return events.flatMap(() => continuing.decode(EVENT));
}

describe('a provider that starts over', () => {
  test('is passed on from where the client’s text ends, wherever its tokens are split', () => {
    const text = 'It is sunny in Paris.';
    for (let cut = 0; cut <= text.length; cut++) {
      const events = missing([start, open(0), say(0, text.slice(0, cut)), say(0, text.slice(cut)), close(0), finish]);
      const said = events.flatMap((event) => (event.kind === 'part-delta' ? [event.delta] : [])).join('');
      expect(said).toBe(' in Paris.');
      expect(events.filter((event) => event.kind !== 'part-delta')).toEqual([close(2), finish]);
    }
  });

  test.each<[string, AnswerEvent[]]>([
    ['another beginning', [start, open(0), say(0, 'It rains')]],
    ['a shorter answer', [start, open(0), say(0, 'It is'), close(0), finish]],
    ['a tool call in its place', [start, { ...call, part: 0 }]],
    ['a tool call too early', [start, open(0), say(0, 'It is'), close(0), call]],
  ])('%s is not passed on', (_name, events) => {
    const given = missing(events);
    expect(given.at(-1)).toMatchObject({ kind: 'error', failure: { code: 'upstream_answer_differs' } });
    expect(given.filter((event) => event.kind === 'part-delta')).toEqual([]);
  });

  test('its thoughts are not shown a second time', () => {
    const events = missing([start, open(0, 'reasoning'), say(0, 'Hm.'), close(0), open(1), say(1, 'It is sunny!')]);
    expect(events).toEqual([say(2, '!')]);
  });

  test('events after the text are numbered after it', () => {
    const events = missing([start, open(0), say(0, 'It is sunny.'), close(0), call]);
    expect(events).toEqual([say(2, '.'), close(2), { ...call, part: 3 }]);
  });

  test('usage, pings and the end are passed on', () => {
    const rest: AnswerEvent[] = [{ kind: 'ping' }, { kind: 'usage', usage: NO_USAGE }, { kind: 'end' }];
    expect(missing(rest)).toEqual(rest);
  });
});

test('a provider that was given the text continues after it', () => {
  const events = missing([start, open(0), say(0, ' in Paris.'), close(0), finish], 'prefill');
  expect(events).toEqual([say(2, ' in Paris.'), close(2), finish]);
});

test('a text whose start the client has not seen is started', () => {
  const events = missing([start, open(0), say(0, 'Hello')], 'repeat', { text: '', isOpen: false });
  expect(events).toEqual([open(2), say(2, 'Hello')]);
});

test('the event with the cost marks the answer as continued', () => {
  const end = 'data: {"usage":{"cost":1},"cost":0.1}\n\ndata: [DONE]\n\n';
  const encoder = markRescued({ encode: () => '', end: () => end }, 3);
  expect(encoder.end(NO_USAGE, { cost: '1', charge: '0.1' })).toBe(
    'data: {"usage":{"cost":1},"cost":0.1,"x_sluice":{"rescued":true,"attempts":3}}\n\ndata: [DONE]\n\n',
  );
});

// Symptom: a provider that broke off while it repeated an answer was recorded with only what it had added, and without its
// prompt. Cause: only what reached the client was counted. Fix: the decoder reports what it has received.
test('repeated output counts as received', () => {
  const queue: AnswerEvent[][] = [[start, open(0)], [say(0, 'It is')], [say(0, ' sunny in')]];
  const decoder: AnswerDecoder = { decode: () => queue.shift() ?? [], close: () => [] };
  const state = { encoder: NO_ENCODER, part: 0, text: 'It is sunny', isOpen: true };
  const continuing = new ContinuingDecoder(decoder, state, 'repeat');
  expect(continuing.received).toEqual({ hasStarted: false, outputBytes: 0 });
  for (let events = 0; events < 3; events++) continuing.decode(EVENT);
  expect(continuing.received).toEqual({ hasStarted: true, outputBytes: 'It is sunny in'.length });
});
