// Streams as networks deliver them: split at any byte they have the same content; broken off they never look complete.
import { describe, expect, test } from 'vitest';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { volume } from '#test/support/runs.ts';
import { type CollectedAnswer, collectAnswer } from './collect-answer.ts';
import {
  CLIENT_NAMES,
  clientCodec,
  DECODE_CONTEXT,
  decodeStream,
  encodeContext,
  encodeStream,
  FIXTURES,
  PROVIDER_NAMES,
  type ProviderName,
  providerCodec,
  readStream,
  relayContext,
} from './protocols.ts';

/** Streams up to this are cut at every byte, longer ones at as many places, others in each run. */
const MAX_CUTS = volume(60, 200);

/** Texts compare faster than trees, and there are many. */
const print = (value: unknown) =>
  JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));

function cutsOf(text: string): number[] {
  const bytes = Buffer.byteLength(text);
  const step = Math.max(1, bytes / MAX_CUTS);
  const first = Math.random() * (step - 1);
  return Array.from({ length: Math.floor(bytes / step) }, (_, at) => Math.floor(first + at * step));
}

const STREAMS = PROVIDER_NAMES.flatMap((vendor) =>
  Object.entries(FIXTURES[vendor].answers).map(([name, { stream }]) => [vendor, name, stream] as const),
);

describe.each(STREAMS)('the stream of %s: %s', (vendor, _name, stream) => {
  test('split at every byte, and into single bytes, gives the same events', () => {
    const events = print(decodeStream(vendor, stream));
    for (const cut of cutsOf(stream)) expect(print(decodeStream(vendor, stream, [cut])), `cut at ${cut}`).toBe(events);
    const everywhere = Array.from({ length: Buffer.byteLength(stream) }, (_, at) => at);
    expect(print(decodeStream(vendor, stream, everywhere))).toBe(events);
  });

  test('broken off before its finish is complete for no client', () => {
    const events = new SseSplitter().push(Buffer.from(stream));
    for (const client of CLIENT_NAMES) {
      for (let count = 0; count < events.length; count++) {
        const relay = openRelay(vendor, client, choicesIn(stream, vendor));
        for (const event of events.slice(0, count)) expect(relay.accept(event).failure).toBeUndefined();
        const isWhole = relay.isComplete();
        const { failure } = relay.end();
        expect(failure?.code, `${client} after ${count} events`).toBe(isWhole ? undefined : 'upstream_stream_cut');
        if (!isWhole) expect(hasFinished(vendor, events.slice(0, count))).toBe(false);
      }
    }
  });
});

function openRelay(vendor: ProviderName, client: (typeof CLIENT_NAMES)[number], choices: number) {
  const { usageDelivery: _own, ...context } = encodeContext();
  const pair = { client: clientCodec(client), upstream: providerCodec(vendor) };
  return createTranslation(pair, context, DECODE_CONTEXT).openStream({ ...relayContext, choices });
}

function choicesIn(stream: string, vendor: ProviderName): number {
  return collectAnswer(decodeStream(vendor, stream)).choices.length;
}

/** Whether the provider had sent its end. */
function hasFinished(vendor: ProviderName, events: ReturnType<SseSplitter['push']>): boolean {
  const decoder = providerCodec(vendor).openDecoder(DECODE_CONTEXT);
  return events.flatMap((event) => decoder.decode(event)).some((event) => event.kind === 'end');
}

describe.each(CLIENT_NAMES.filter((name) => name !== 'gemini-generate-content-array'))(
  'what %s clients get',
  (client) => {
    test.each(STREAMS.filter(([, name]) => name === 'unicode' || name === 'mixed'))(
      'of %s: %s, split at every byte, is the same',
      (vendor, _name, stream) => {
        const text = encodeStream(client, decodeStream(vendor, stream));
        const whole = readStream(client, text);
        for (const cut of cutsOf(text)) expect(readCut(client, text, cut), `cut at ${cut}`).toEqual(whole);
      },
    );
  },
);

/** The splitter is all that sees the cut: what it gives is put together again. */
function readCut(client: (typeof CLIENT_NAMES)[number], text: string, cut: number): CollectedAnswer {
  const bytes = Buffer.from(text);
  const splitter = new SseSplitter();
  const events = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((piece) => splitter.push(piece));
  return readStream(client, Buffer.concat(events.map(({ raw }) => raw)).toString());
}
