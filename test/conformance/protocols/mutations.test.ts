// No input of a client or a provider causes an exception: fixtures with missing or changed members. Runs are bounded; a
// failure prints the seed that repeats it.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { isFailure } from '#src/contracts/failure.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { EncodableEvent, JsonObject } from '#src/protocols/codec.ts';
import { type SseEvent, SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { MODEL } from '#test/fixtures/protocols/fixtures.ts';
import { type Mutation, mutate, mutation } from '#test/support/mutate.ts';
import { explore } from '#test/support/runs.ts';
import { collectAnswer } from './collect-answer.ts';
import {
  CLIENT_NAMES,
  clientCodec,
  DECODE_CONTEXT,
  encodeContext,
  FIXTURES,
  PROVIDER_NAMES,
  providerCodec,
  SHOWN,
} from './protocols.ts';

const RUNS = explore(500);

describe('nothing that a client or a provider sends can cause an exception', () => {
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });

  test.each(PROVIDER_NAMES)('requests of a client of %s', (client) => {
    const bodies = Object.values(FIXTURES[client].requests);
    return fc.assert(
      fc.property(fc.nat(), mutations, (which, changes) => {
        const body = changes.reduce(mutate, bodies[which % bodies.length] as unknown);
        if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
        const request = clientCodec(client).decodeRequest(JSON.parse(JSON.stringify(body)) as JsonObject);
        if (isFailure(request)) return;
        for (const vendor of PROVIDER_NAMES) {
          const input = { upstreamModel: MODEL, isStream: true, canReportStreamUsage: true };
          expect(providerCodec(vendor).encodeRequest(request, input)).toBeDefined();
        }
      }),
      RUNS,
    );
  });

  test.each(PROVIDER_NAMES)('whole answers of a provider of %s', (vendor) => {
    const answers = Object.values(FIXTURES[vendor].answers);
    return fc.assert(
      fc.property(fc.nat(), mutations, (which, changes) => {
        const body = changes.reduce(mutate, answers[which % answers.length]!.whole as unknown);
        const answer = providerCodec(vendor).decodeAnswer(
          body === undefined ? null : JSON.parse(JSON.stringify(body)),
          DECODE_CONTEXT,
        );
        if (isFailure(answer)) return;
        for (const client of CLIENT_NAMES) {
          const usage = answer.usage ?? NO_USAGE;
          JSON.parse(clientCodec(client).encodeAnswer(answer, usage, SHOWN, encodeContext()));
        }
      }),
      RUNS,
    );
  });

  test.each(PROVIDER_NAMES)('events of a provider of %s; the output is in order', (vendor) => {
    const streams = Object.values(FIXTURES[vendor].answers).map(({ stream }) =>
      new SseSplitter().push(Buffer.from(stream)),
    );
    return fc.assert(
      fc.property(fc.nat(), fc.nat(), mutations, fc.boolean(), (which, place, changes, isCut) => {
        const events = streams[which % streams.length]!.map((event, at, all) =>
          at === place % all.length ? mutateEvent(event, changes) : event,
        );
        const decoder = providerCodec(vendor).openDecoder(DECODE_CONTEXT);
        const kept = isCut ? events.slice(0, -1) : events;
        const decoded = untilError([...kept.flatMap((event) => decoder.decode(event)), ...decoder.close()]);
        const { failure } = collectAnswer(decoded);
        if (failure !== null) return;
        for (const client of CLIENT_NAMES) {
          const encoder = clientCodec(client).openEncoder(encodeContext());
          for (const event of decoded) if (isEncodable(event)) encoder.encode(event);
        }
      }),
      RUNS,
    );
  });
});

function mutateEvent(event: SseEvent, changes: readonly Mutation[]): SseEvent {
  if (event.data === null || event.data === '[DONE]') return event;
  const value = changes.reduce(mutate, JSON.parse(event.data) as unknown);
  return { ...event, data: JSON.stringify(value) ?? 'undefined' };
}

function untilError(events: readonly AnswerEvent[]): AnswerEvent[] {
  const at = events.findIndex((event) => event.kind === 'error');
  return at < 0 ? [...events] : events.slice(0, at + 1);
}

function isEncodable(event: AnswerEvent): event is EncodableEvent {
  return event.kind !== 'usage' && event.kind !== 'ping' && event.kind !== 'error' && event.kind !== 'end';
}
