// What a file of batch lines may look like, and the errors of an invalid one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkInput } from '#src/cli/batch/check-input.ts';
import { MAX_FAULTS, readLines } from '#src/cli/batch/line-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-input-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function fileOf(content: string | Buffer): string {
  files += 1;
  const path = join(directory, `${files}.jsonl`);
  writeFileSync(path, content);
  return path;
}

const BODY = { model: 'm', messages: [] };
const line = (change: object = {}) =>
  JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: BODY, ...change });

const check = async (content: string | Buffer, options: Parameters<typeof checkInput>[1] = {}) => {
  const { faults, summary } = await checkInput(fileOf(content), options);
  return { faults: faults.faults.map((fault) => [fault.line, fault.code]), count: faults.count, summary };
};

test('a valid file gives lines, endpoint and models, also without a final line break or with Windows line breaks', async () => {
  const { faults, summary } = await check(`${line()}\r\n${line({ custom_id: 'b', body: { ...BODY, model: 'n' } })}`);
  expect(faults).toEqual([]);
  expect(summary).toEqual({
    lines: 2,
    endpoint: '/v1/chat/completions',
    models: new Map([
      ['m', 1],
      ['n', 1],
    ]),
  });
});

describe('faults', () => {
  test.each<[string, string | Buffer, (number | string | null)[][]]>([
    ['an empty file', '', [[null, 'empty_file']]],
    ['an empty line in between', `${line()}\n\n${line({ custom_id: 'b' })}\n`, [[2, 'invalid_json_line']]],
    ['a line that is no JSON', `${line()}\n{"a":\n`, [[2, 'invalid_json_line']]],
    ['a line that is no object', '[1]\n', [[1, 'invalid_json_line']]],
    [
      'a JSON file over several lines',
      JSON.stringify({ a: 1 }, null, 2),
      [1, 2, 3].map((n) => [n, 'invalid_json_line']),
    ],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), [[1, 'invalid_json_line']]],
    [
      'UTF-16',
      Buffer.from('\uFEFF{}', 'utf16le'),
      [
        [1, 'invalid_encoding'],
        [1, 'invalid_json_line'],
      ],
    ],
    ['an id twice', `${line()}\n${line()}\n`, [[2, 'duplicate_custom_id']]],
    ['an id that is a number', line({ custom_id: 7 }), [[1, 'invalid_custom_id']]],
    [
      'another endpoint than the first line',
      `${line()}\n${line({ custom_id: 'b', url: '/v1/x' })}`,
      [[2, 'url_mismatch']],
    ],
    ['a body that is a text', line({ body: 'hello' }), [[1, 'invalid_body']]],
    ['no model', line({ body: { messages: [] } }), [[1, 'model_missing']]],
    ['no messages', line({ body: { model: 'm' } }), [[1, 'parameter_missing']]],
    ['a stream', line({ body: { ...BODY, stream: true } }), [[1, 'stream_unsupported']]],
    ['another method', line({ method: 'GET' }), [[1, 'invalid_method']]],
  ])('%s', async (_what, content, expected) => {
    expect((await check(content)).faults).toEqual(expected);
  });

  test('a given endpoint is required of every line', async () => {
    expect((await check(line(), { endpoint: '/v1/responses' })).faults).toEqual([[1, 'url_mismatch']]);
  });

  test('errors are listed up to a bound and counted beyond', async () => {
    const { faults, count } = await check('x\n'.repeat(1_000));
    expect([faults.length, count]).toEqual([MAX_FAULTS, 1_000]);
  });
});

test('a given model is set in every line', async () => {
  const sent: string[] = [];
  const path = fileOf(`${line({ body: { messages: [] } })}\n${line({ custom_id: 'b' })}\n`);
  const { faults } = await checkInput(path, { model: 'x' }, ({ body }) => void sent.push(String(body.model)));
  expect([faults.count, sent]).toEqual([0, ['x', 'x']]);
});

describe('lines of a file', () => {
  const linesOf = async (content: string, maxLineBytes?: number) => {
    const found = [];
    for await (const { number, offset, bytes, isTooLong } of readLines(fileOf(content), maxLineBytes)) {
      found.push([number, offset, isTooLong ? 'too long' : bytes.toString()]);
    }
    return found;
  };

  test('are found by number and offset, with any line end', async () => {
    expect(await linesOf('a\r\n\nüb\nlast')).toEqual([
      [1, 0, 'a'],
      [2, 3, ''],
      [3, 4, 'üb'],
      [4, 8, 'last'],
    ]);
    expect(await linesOf('')).toEqual([]);
  });

  test('a line beyond the limit does not fill memory, and the lines after it are complete', async () => {
    const long = 'x'.repeat(3 * 1024 * 1024);
    expect(await linesOf(`${long}\nshort\n`, 1_000)).toEqual([
      [1, 0, 'too long'],
      [2, long.length + 1, 'short'],
    ]);
  });

  test('lines that span pieces of the file are complete', async () => {
    const lines = Array.from({ length: 50 }, (_, index) => `${index}:${'y'.repeat(70_000)}`);
    const found = await linesOf(`${lines.join('\n')}\n`);
    expect(found.map(([, , text]) => text)).toEqual(lines);
  });
});
