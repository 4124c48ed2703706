import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { arrayItems, inputLines, resultLines } from '#src/batches/message-batch.ts';

describe('the items of an array', () => {
  test.each([
    ['none', ' [ ] ', []],
    ['plain ones', '[1, "a" ,null]', ['1', '"a"', 'null']],
    ['nested ones', '[{"a":[1,{"b":2}]},[],{}]', ['{"a":[1,{"b":2}]}', '[]', '{}']],
    ['texts that look like JSON', '["],[", "\\"},{", "\\\\"]', ['"],["', '"\\"},{"', '"\\\\"']],
    ['over several lines', '[\n  {\n "a": 1 }\n,\n 2\n]', ['{\n "a": 1 }', '2']],
  ])('%s', (_name, json, items) => {
    expect([...arrayItems(Buffer.from(json))].map(String)).toEqual(items);
  });
});

test('requests become lines with unchanged params', () => {
  const body = Buffer.from(
    '{"requests":[{"custom_id":"a","params":{"seed":12345678901234567890,\n"x":1}},{"params":{},"custom_id":"b"}]}',
  );
  expect([...inputLines(body)].map(String)).toEqual([
    '{"custom_id":"a","method":"POST","url":"/v1/messages","body":{"seed":12345678901234567890, "x":1}}\n',
    '{"custom_id":"b","method":"POST","url":"/v1/messages","body":{}}\n',
  ]);
});

test('result lines have Anthropic’s four kinds', async () => {
  const line = (custom_id: string, response: object | null, error: object | null) =>
    JSON.stringify({ id: 'x', custom_id, response, error });
  const text = [
    line('a', { status_code: 200, body: { type: 'message' } }, null),
    line('b', { status_code: 400, body: { type: 'error', error: { type: 'invalid_request_error' } } }, null),
    line('c', null, { code: 'batch_expired' }),
    line('d', null, { code: 'batch_cancelled' }),
  ].join('\n');
  const results = [];
  for await (const bytes of resultLines(Readable.from([Buffer.from(text)]))) results.push(JSON.parse(bytes.toString()));
  expect(results).toEqual([
    { custom_id: 'a', result: { type: 'succeeded', message: { type: 'message' } } },
    { custom_id: 'b', result: { type: 'errored', error: { type: 'error', error: { type: 'invalid_request_error' } } } },
    { custom_id: 'c', result: { type: 'expired' } },
    { custom_id: 'd', result: { type: 'canceled' } },
  ]);
});
