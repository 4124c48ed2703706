// How `sluice batch submit` handles its input: unchanged batch lines, plain prompts, and error messages for invalid ones.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BatchSession, startBatchSession } from '#test/support/batch-session.ts';
import type { FakeBatchServer } from '#test/support/fake-batch-server.ts';

let session: BatchSession;
let server: FakeBatchServer;
beforeEach(async () => {
  session = await startBatchSession();
  ({ server } = session);
});
afterEach(() => session.stop());

describe('plain prompts', () => {
  const submitted = () => server.linesOf([...server.batches.values()].at(-1)!);

  test('one per line of text', async () => {
    writeFileSync(join(session.directory, 'prompts.txt'), 'What is Rust?\n\nAnd {braces}?\r\n');
    const run = await session.run(
      'submit',
      '--prompts',
      'prompts.txt',
      '--model',
      'm',
      '--system',
      'Be {brief}.',
      '--json',
    );
    expect(JSON.parse(run.stdout)).toMatchObject({ id: 'batch_1', status: 'validating' });
    expect([...server.files.values()][0]!.filename).toBe('prompts.txt.jsonl');
    const system = { role: 'system', content: 'Be {brief}.' };
    expect(submitted().map(({ custom_id: id, body }) => [id, body])).toEqual([
      ['line-1', { model: 'm', messages: [system, { role: 'user', content: 'What is Rust?' }] }],
      ['line-3', { model: 'm', messages: [system, { role: 'user', content: 'And {braces}?' }] }],
    ]);
  });

  test('a CSV file with its header as names in a template', async () => {
    const csv = '\uFEFFsku,name,"long text"\nA1,"Chair, red","two\nlines ""quoted"""\nA2,Table,short\n';
    writeFileSync(join(session.directory, 'products.csv'), csv);
    const template = 'Describe {name}: {long text} {{json}}';
    const more = [
      '--id-column',
      'sku',
      '--endpoint',
      '/v1/responses',
      '--body',
      '{"temperature":0}',
      '--keep',
      'kept.jsonl',
    ];
    const run = await session.run(
      'submit',
      '--prompts',
      'products.csv',
      '--template',
      template,
      '--model',
      'm',
      ...more,
    );
    expect(run.code).toBe(0);
    expect(submitted().map(({ custom_id: id, body }) => [id, body])).toEqual([
      ['A1', { model: 'm', input: 'Describe Chair, red: two\nlines "quoted" {json}', temperature: 0 }],
      ['A2', { model: 'm', input: 'Describe Table: short {json}', temperature: 0 }],
    ]);
    expect(session.read('kept.jsonl')).toBe([...server.files.values()][0]!.content.toString());
    expect(server.batches.get('batch_1')!.endpoint).toBe('/v1/responses');
  });

  test('objects with their members as names', async () => {
    writeFileSync(
      join(session.directory, 'rows.jsonl'),
      '{"q":"1+1?","tags":["a"],"n":3}\n{"q":"2+2?","tags":[],"n":null}\n',
    );
    const run = await session.run('submit', '--prompts', 'rows.jsonl', '-t', '{q} {tags} {n}', '-m', 'm');
    expect(run.code).toBe(0);
    expect(submitted().map(({ body }) => (body.messages as { content: string }[])[0]!.content)).toEqual([
      '1+1? ["a"] 3',
      '2+2? [] ',
    ]);
  });

  test.each<[string, string, string[], string]>([
    ['a column that is not there', 'a,b\n1,2\n', ['-t', '{c}', '-m', 'm'], "no column 'c'; columns: a, b"],
    ['no template where one is needed', 'a,b\n1,2\n', ['-m', 'm'], 'give a prompt with --template'],
    ['a template that cannot be read', 'a\n1\n', ['-t', '{a', '-m', 'm'], "a lone '{'"],
    ['no model', 'a\n1\n', [], 'needs --model'],
    ['a row that is too short', 'a,b\n1,2\n3\n', ['-t', '{a}', '-m', 'm'], 'prompts.csv:3: Invalid Record Length'],
    ['two rows with one id', 'a\n1\n1\n', ['-m', 'm', '--id-column', 'a'], "prompts.csv:3: has the id '1' of line 2"],
    ['a body that is no object', 'a\n1\n', ['-m', 'm', '--body', '[]'], '--body must be a JSON object'],
  ])('%s is reported, and nothing is uploaded', async (_what, csv, args, message) => {
    writeFileSync(join(session.directory, 'prompts.csv'), csv);
    const run = await session.run('submit', '--prompts', 'prompts.csv', ...args);
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(server.calls).toEqual([]);
  });
});

test('every error of an input is reported with its line, and nothing is uploaded', async () => {
  const input = session.writeInput('input.jsonl', 120, (line) => {
    if (line.custom_id === 'line-3') line.custom_id = 'line-2';
    if (line.custom_id === 'line-5') line.body.stream = true;
    if (Number(line.custom_id.split('-')[1]) >= 20) delete line.body.model;
  });
  const run = await session.run('submit', input);
  expect(run.code).toBe(2);
  expect(run.stderr).toContain(`${input}:4: has the custom_id 'line-2' of line 3`);
  expect(run.stderr).toContain(`${input}:6: its body says "stream": true`);
  expect(run.stderr).toContain('… and 52 more errors');
  const machine = await session.run('submit', input, '--json', '--dry-run');
  expect(JSON.parse(machine.stdout)).toMatchObject({
    valid: false,
    fault_count: 102,
    faults: expect.arrayContaining([expect.objectContaining({ line: 4, code: 'duplicate_custom_id' })]),
  });
  expect(server.calls).toEqual([]);
});

test('--model is set in every line; a dry run sends nothing', async () => {
  const input = session.writeInput('input.jsonl', 3, (line) => delete line.body.model);
  expect((await session.run('submit', input, '--dry-run')).code).toBe(2);
  expect((await session.run('submit', input, '--model', 'other', '--dry-run')).code).toBe(0);
  expect(server.calls).toEqual([]);
  expect((await session.run('submit', input, '--model', 'other')).stdout).toBe('batch_1\n');
  const lines = server.linesOf(server.batches.get('batch_1')!);
  expect(lines.map(({ body }) => body.model)).toEqual(['other', 'other', 'other']);
});
