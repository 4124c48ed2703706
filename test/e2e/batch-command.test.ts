// `sluice batch` with a server that has only OpenAI's Batch API.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BatchSession, startBatchSession } from '#test/support/batch-session.ts';
import { FAKE_KEY, type FakeBatchServer, type FakeLine } from '#test/support/fake-batch-server.ts';
import { startSluice } from '#test/support/sluice-command.ts';
import { waitFor } from '#test/support/wait.ts';

let session: BatchSession;
let server: FakeBatchServer;
beforeEach(async () => {
  session = await startBatchSession();
  ({ server } = session);
});
afterEach(() => session.stop());

const isOdd = ({ custom_id: id }: FakeLine) => Number(id.split('-')[1]) % 2 === 1;

test('a file is uploaded completely, runs, and its results are downloaded', async () => {
  const input = session.writeInput('input.jsonl', 500);
  server.settings.linesPerLook = 250;
  const run = await session.run('submit', input, '--watch', '--metadata', 'team=search', '--metadata', 'run=a=b');
  expect(run).toMatchObject({ code: 0, stdout: 'batch_1\n' });
  expect(run.stderr).toContain('500 of 500 lines succeeded');
  expect(run.stderr).toContain('sluice batch download batch_1');
  const [uploaded] = server.files.values();
  expect(uploaded).toMatchObject({ filename: 'input.jsonl', purpose: 'batch' });
  expect(uploaded!.content.equals(readFileSync(input))).toBe(true);
  expect(server.batches.get('batch_1')!.metadata).toEqual({ team: 'search', run: 'a=b' });

  const downloaded = await session.run('download', 'batch_1', '--output', 'out/results.jsonl');
  expect(downloaded.code).toBe(0);
  expect(session.readRows('out/results.jsonl')).toHaveLength(500);
  expect(readdirSync(session.directory).sort()).toEqual(['input.jsonl', 'out']);
});

test('results are matched with their requests in input order, including failed and missing ones', async () => {
  const input = session.writeInput('input.jsonl', 9);
  server.settings.outcomeOf = (line) => (line.custom_id === 'line-4' ? 'not run' : isOdd(line) ? 500 : 200);
  server.settings.finalStatus = 'expired';
  expect((await session.run('submit', input, '--watch')).code).toBe(3);
  for (const args of [['--join', input], ['--join']]) {
    const run = await session.run('download', 'batch_1', '--output', 'joined.jsonl', ...args);
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('1 without a result')]);
    const rows = session.readRows('joined.jsonl');
    expect(rows.map(({ custom_id: id }) => id)).toEqual(Array.from({ length: 9 }, (_, index) => `line-${index}`));
    expect(rows[0]).toMatchObject({
      request: { model: 'gpt-4o-mini' },
      response: { status_code: 200, body: { echo: { messages: [{ content: 'Grüße 0' }] } } },
      error: null,
    });
    expect(rows[1]).toMatchObject({ response: { status_code: 500 } });
    expect(rows[4]).toMatchObject({ response: null, error: { code: 'result_missing' } });
  }
  expect(readdirSync(session.directory).sort()).toEqual(['input.jsonl', 'joined.jsonl']);
});

describe('downloads resume where they stopped', () => {
  beforeEach(async () => {
    const input = session.writeInput('input.jsonl', 50);
    expect((await session.run('submit', input, '--watch')).code).toBe(0);
  });
  const contentCalls = () => server.calls.filter((call) => call.includes('/content'));
  const whole = () => server.files.get('file-2')!.content.toString();

  test('within one run', async () => {
    server.settings.breakContentAfter = [1_000, 500];
    expect((await session.run('download', 'batch_1')).code).toBe(0);
    expect(session.read('batch_1_output.jsonl')).toBe(whole());
    expect(contentCalls().slice(1)).toEqual([
      expect.stringMatching(/ bytes=\d+-$/),
      expect.stringMatching(/ bytes=\d+-$/),
    ]);
  });

  test('across runs', async () => {
    writeFileSync(join(session.directory, 'o.jsonl.file-2.part'), server.files.get('file-2')!.content.subarray(0, 777));
    expect((await session.run('download', 'batch_1', '--output', 'o.jsonl')).code).toBe(0);
    expect(contentCalls()).toEqual(['GET files/file-2/content bytes=777-']);
    expect(session.read('o.jsonl')).toBe(whole());
  });

  test('from the start if the server does not support ranges', async () => {
    server.settings.supportsRanges = false;
    server.settings.breakContentAfter = [1_000];
    expect((await session.run('download', 'batch_1')).code).toBe(0);
    expect(session.read('batch_1_output.jsonl')).toBe(whole());
  });
});

test('Ctrl-C leaves the batch running and prints how to resume; watching can be resumed', async () => {
  server.settings.linesPerLook = 0;
  const running = session.start('submit', session.writeInput('input.jsonl', 4), '--watch');
  await waitFor('it to run', () => running.stderr().includes('batch_1 is in_progress'));
  running.interrupt();
  const end = await running.ended;
  expect([end.code, end.stdout]).toEqual([130, 'batch_1\n']);
  expect(end.stderr).toContain('sluice batch watch batch_1');
  expect(server.calls).not.toContain('POST batches/batch_1/cancel');
  server.settings.linesPerLook = 4;
  server.settings.extras = () => ({ usage: { total_tokens: 1_234, cost: 0.0042 }, x_sluice_at_risk: true });
  const watched = await session.run('watch', 'batch_1');
  expect([watched.code, watched.stderr]).toEqual([0, expect.stringContaining('1,234 tokens, $0.0042')]);
  expect(watched.stderr).toContain('will exceed its completion window');
});

test('only failed and unrun lines are run again', async () => {
  const input = session.writeInput('input.jsonl', 8);
  server.settings.outcomeOf = (line) => (line.custom_id === 'line-6' ? 'not run' : isOdd(line) ? 429 : 200);
  server.settings.finalStatus = 'expired';
  const first = await session.run('submit', input, '--watch', '--metadata', 'team=search');
  expect([first.code, first.stderr]).toEqual([3, expect.stringContaining('sluice batch retry-failed batch_1')]);
  server.settings.outcomeOf = () => 200;
  server.settings.finalStatus = 'completed';
  const again = await session.run('retry-failed', 'batch_1', '--watch');
  expect([again.code, again.stdout]).toEqual([0, 'batch_2\n']);
  const retried = server.batches.get('batch_2')!;
  expect(server.linesOf(retried).map(({ custom_id: id }) => id)).toEqual([
    'line-1',
    'line-3',
    'line-5',
    'line-6',
    'line-7',
  ]);
  expect(retried).toMatchObject({
    endpoint: '/v1/chat/completions',
    metadata: { team: 'search', retry_of: 'batch_1' },
  });
  const nothing = await session.run('retry-failed', 'batch_2');
  expect([nothing.code, nothing.stderr]).toEqual([0, expect.stringContaining('nothing to retry')]);
});

test('the reason is shown if the server refuses a whole batch', async () => {
  await session.run('submit', session.writeInput('input.jsonl', 1));
  Object.assign(server.batches.get('batch_1')!, {
    status: 'failed',
    errors: {
      object: 'list',
      data: [{ code: 'model_not_found', message: 'The model is unknown.', line: 1, param: null }],
    },
  });
  const run = await session.run('watch', 'batch_1', '--json');
  expect(run.code).toBe(3);
  expect(run.stderr).toContain('line 1: The model is unknown.');
  expect(JSON.parse(run.stdout)).toMatchObject({ id: 'batch_1', status: 'failed' });
  expect(await session.run('retry-failed', 'batch_1')).toMatchObject({ code: 2 });
  expect(await session.run('download', 'batch_1')).toMatchObject({ code: 3 });
});

test('batches can be listed in pages, and cancelled', async () => {
  const input = session.writeInput('input.jsonl', 1);
  for (let number = 0; number < 3; number++) await session.run('submit', input);
  const listed = await session.run('list', '--json', '--limit', '2');
  expect((JSON.parse(listed.stdout) as { id: string }[]).map(({ id }) => id)).toEqual(['batch_3', 'batch_2']);
  expect((await session.run('list')).stdout).toMatch(/^ID +STATUS[\s\S]*batch_1 +validating/);
  expect((await session.run('cancel', 'batch_1')).stdout).toBe('batch_1 is cancelling\n');
  expect((await session.run('watch', 'batch_1')).code).toBe(3);
  const late = await session.run('cancel', 'batch_1');
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('has already ended')]);
});

describe('errors', () => {
  test('a busy server is asked again, for uploads too', async () => {
    server.settings.refuseWith = [503, 429];
    expect((await session.run('submit', session.writeInput('input.jsonl', 2))).code).toBe(0);
    expect(server.calls).toEqual(['POST files', 'POST files', 'POST files', 'POST batches']);
  });

  test('a batch is not created twice: a 500 on creation is final', async () => {
    server.settings.refuseWith = [null, 500];
    const { code, stderr } = await session.run('submit', session.writeInput('input.jsonl', 2));
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('POST /v1/batches was refused with 500: told to refuse'),
    ]);
    expect(server.calls.filter((call) => call === 'POST batches')).toHaveLength(1);
  });

  test.each<[string, string[], string]>([
    ['a wrong key', ['--api-key', 'sk-wrong'], 'Incorrect API key (the key is taken from --api-key'],
    ['nobody there', ['--base-url', 'http://127.0.0.1:9/v1'], 'cannot be reached (ECONNREFUSED)'],
    ['a server without batches', ['--base-url', 'BASE/other'], 'check that the base URL ends in'],
  ])('%s is reported at once, with what to do', async (_what, args, message) => {
    const { code, stderr } = await session.run('list', ...args.map((arg) => arg.replace('BASE', server.baseUrl)));
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });

  test.each<[string, string[], string]>([
    ['no input', ['submit'], 'pass one input'],
    ['an input that is not there', ['submit', 'none.jsonl'], 'there is no file none.jsonl'],
    ['a URL that is none', ['list', '--base-url', 'localhost'], 'is not a base URL'],
  ])('%s', async (_what, args, message) => {
    const { code, stderr } = await session.run(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe('the source of address and key', () => {
  const list = (environment: Record<string, string>) =>
    startSluice(['batch', 'list'], session.directory, environment).ended;

  test('the local Sluice, as written by `sluice start`', async () => {
    writeFileSync(join(session.directory, 'url'), `${server.baseUrl}\n`);
    writeFileSync(join(session.directory, 'key'), `${FAKE_KEY}\n`);
    expect((await list({ SLUICE_DATA: session.directory })).code).toBe(0);
    // Another server never sees the local key.
    const elsewhere = await list({ SLUICE_DATA: session.directory, SLUICE_BASE_URL: 'http://127.0.0.1:9/v1' });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining('no API key')]);
  });

  test('OPENAI_API_KEY is the last resort', async () => {
    const { baseUrl } = server;
    expect((await list({ SLUICE_BASE_URL: baseUrl, OPENAI_API_KEY: FAKE_KEY })).code).toBe(0);
    expect((await list({ SLUICE_BASE_URL: baseUrl, OPENAI_API_KEY: 'no', SLUICE_API_KEY: FAKE_KEY })).code).toBe(0);
  });
});
