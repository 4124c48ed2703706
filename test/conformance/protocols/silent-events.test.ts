// Parts of a provider's stream that keep it open but have no content: comments, empty data, event names alone, line by line
// and at any place. None of them ends a stream, and none is passed to a client: google-genai for Python raises at comments,
// openai for Python at the empty lines after them.
import { describe, expect, test } from 'vitest';
import type { RelayContext, StreamRelay } from '#src/protocols/protocol.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import { type SseEvent, SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { CLIENT_NAMES, DECODE_CONTEXT, encodeContext, FIXTURES, PROVIDER_NAMES, SHOWN } from './protocols.ts';

const CONTEXT: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: () => SHOWN,
};

const SILENT: readonly [string, string][] = [
  ['a comment', ': keep-alive\n\n'],
  ['a comment without words', ':\n\n'],
  ['empty data', 'data:\n\n'],
  ['data without a colon', 'data\n\n'],
  ['blank data', 'data:   \n\n'],
  ['blank data over several lines', 'data:\ndata: \r\n\r\n'],
  ['a name and empty data', 'event: ping\ndata:\n\n'],
  ['a name alone', 'event: ping\n\n'],
  ['an unknown field', 'foo: bar\n\n'],
  ['empty lines', '\n\n\n'],
];

const PAIRS = PROVIDER_NAMES.flatMap((vendor) =>
  CLIENT_NAMES.flatMap((client) => (findProtocolRoute(client, [vendor]) === null ? [] : [{ vendor, client }])),
);

function openRelay({ vendor, client }: (typeof PAIRS)[number]): StreamRelay {
  const route = findProtocolRoute(client, [vendor])!;
  const translation =
    route.pair === null ? route.client.passThrough : createTranslation(route.pair, encodeContext(), DECODE_CONTEXT);
  return translation.openStream(CONTEXT);
}

const eventsOf = (text: string): SseEvent[] => new SseSplitter().push(Buffer.from(text));

function relayed(pair: (typeof PAIRS)[number], events: readonly SseEvent[]) {
  const relay = openRelay(pair);
  const results = [...events.map((event) => relay.accept(event)), relay.end()];
  return {
    bytes: results.map(({ bytes }) => bytes?.toString() ?? '').join(''),
    failures: results.flatMap(({ failure }) => failure ?? []),
  };
}

describe.each(PAIRS)('$provider to $client', (pair) => {
  const stream = eventsOf(FIXTURES[pair.vendor].answers.text.stream);
  const expected = relayed(pair, stream);

  test.each(SILENT)('%s is ignored everywhere', (_name, silence) => {
    const silent = eventsOf(silence);
    expect(relayed(pair, [...silent, ...stream.flatMap((event) => [event, ...silent])])).toEqual(expected);
  });

  if (pair.vendor === 'openai-chat') return;
  test('[DONE] is ignored if it is not the end', () => {
    const done = eventsOf('data: [DONE]\n\n');
    const { bytes, failures } = relayed(pair, [...done, ...stream.flatMap((event) => [event, ...done])]);
    expect(failures).toEqual([]);
    expect(bytes.replaceAll('data: [DONE]\n\n', '')).toBe(expected.bytes.replaceAll('data: [DONE]\n\n', ''));
  });
});

test.each([
  'data: [DONE] \n\n',
  'data:  [DONE]\n\n',
  'data:[DONE]\r\n\r\n',
  'data:\tDONE\n\n'.replace('DONE', '[DONE]'),
])('the end of a stream of OpenAI’s: %j', (end) => {
  for (const pair of PAIRS.filter(({ vendor }) => vendor === 'openai-chat')) {
    const stream = eventsOf(FIXTURES['openai-chat'].answers.text.stream.replace('data: [DONE]\n\n', end));
    const { bytes, failures } = relayed(pair, stream);
    expect(failures).toEqual([]);
    expect(bytes).toBe(relayed(pair, eventsOf(FIXTURES['openai-chat'].answers.text.stream)).bytes);
  }
});

describe('an event of a Gemini stream is one line, however its provider writes it', () => {
  const json = '{"candidates":[{"content":{"parts":[{"text":"ä"}]},"finishReason":"STOP"}]}';
  test.each([
    ['no blank behind the colon', `data:${json}\n\n`],
    ['a comment before', `: a\ndata: ${json}\n\n`],
    ['a comment behind', `data: ${json}\n: a\n\n`],
    ['other fields', `id: 1\nretry: 5\nevent: x\ndata: ${json}\nid: 2\n\n`],
    ['several lines', `data: ${json.replace(',', '\ndata: ,')}\n\n`],
    ['carriage returns', `data: ${json}\r\r`],
    ['CR LF', `data: ${json}\r\n\r\n`],
  ])('%s', (_name, text) => {
    const pair = { vendor: 'gemini-generate-content', client: 'gemini-generate-content' } as const;
    const { bytes, failures } = relayed(pair, eventsOf(`${text}data: ${json}\n\n`));
    expect(failures).toEqual([]);
    expect(bytes.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('data: {'))).toEqual([]);
    expect(bytes.match(/"text":"ä"/g)).toHaveLength(2);
  });
});
