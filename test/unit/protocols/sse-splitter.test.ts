import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replaceData, type SseEvent, SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { explore } from '#test/support/runs.ts';

function split(chunks: readonly Buffer[]): SseEvent[] {
  const splitter = new SseSplitter();
  const events = chunks.flatMap((chunk) => splitter.push(chunk));
  const rest = splitter.end();
  return rest === null ? events : [...events, rest];
}

const meaning = (events: SseEvent[]) => events.map(({ name, data, isSteering }) => ({ name, data, isSteering }));
const read = (text: string) => meaning(split([Buffer.from(text)]));

describe('the boundaries of an event', () => {
  test.each([
    ['one line of data', 'data: a\n\n', [{ name: null, data: 'a', isSteering: false }]],
    ['no space after the colon', 'data:a\n\n', [{ name: null, data: 'a', isSteering: false }]],
    ['only one space is taken', 'data:  a\n\n', [{ name: null, data: ' a', isSteering: false }]],
    ['several lines of data', 'data: a\ndata: b\n\n', [{ name: null, data: 'a\nb', isSteering: false }]],
    ['data without a value', 'data\n\n', [{ name: null, data: '', isSteering: false }]],
    ['a name and an id', 'event: x\nid: 7\ndata: a\n\n', [{ name: 'x', data: 'a', isSteering: true }]],
    ['a comment', ': ping\n\n', [{ name: null, data: null, isSteering: false }]],
    ['unknown fields are ignored', 'foo: 1\ndata: a\n\n', [{ name: null, data: 'a', isSteering: false }]],
    ['colons in the value', 'data: {"a":1}\n\n', [{ name: null, data: '{"a":1}', isSteering: false }]],
    ['CR LF line ends', 'event: x\r\ndata: a\r\n\r\n', [{ name: 'x', data: 'a', isSteering: false }]],
    [
      'CR line ends',
      'data: a\r\rdata: b\r\r',
      [
        { name: null, data: 'a', isSteering: false },
        { name: null, data: 'b', isSteering: false },
      ],
    ],
    ['a byte order mark at the start', '\uFEFFdata: a\n\n', [{ name: null, data: 'a', isSteering: false }]],
    [
      'an event cut off by the end',
      'data: a\n\ndata: b',
      [
        { name: null, data: 'a', isSteering: false },
        { name: null, data: 'b', isSteering: false },
      ],
    ],
  ])('%s', (_name, text, expected) => {
    expect(read(text)).toEqual(expected);
  });
});

const line = fc.oneof(
  fc.constantFrom('data: {"a":"é😀"}', 'data: [DONE]', ': ping', 'event: x', 'data:', 'id: 1', 'retry: 5', ''),
  fc.string().map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r', '\n\n', '\r\n\r\n')), { maxLength: 30 })
  .map((lines) => Buffer.from(lines.flat().join('')));

test('the events are the same for every split of the bytes, and their raw bytes are the stream', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400)), (bytes, cuts) => {
      const at = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].sort((a, b) => a - b);
      const chunks = [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
      const pieces = split(chunks);
      expect(meaning(pieces)).toEqual(meaning(split([bytes])));
      expect(Buffer.concat(pieces.map(({ raw }) => raw))).toEqual(bytes);
    }),
    explore(500),
  );
});

test('the same byte by byte', () => {
  const bytes = Buffer.from('event: é\r\ndata: {"a":"😀"}\r\n\r\n: c\n\ndata: b\r\rdata: c\n\n');
  const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
  expect(meaning(split(single))).toEqual(meaning(split([bytes])));
});

describe('replacing the data of an event', () => {
  const replaced = (text: string) => replaceData(split([Buffer.from(text)])[0]!, Buffer.from('X')).toString();

  test('keeps its other lines and its line ends', () => {
    expect(replaced('event: e\r\ndata: {"a":1}\r\n\r\n')).toBe('event: e\r\ndata: X\r\n\r\n');
  });

  test('joins data from several lines', () => {
    expect(replaced('event: e\ndata: a\ndata: b\n\n')).toBe('event: e\ndata: X\n\n');
  });
});
