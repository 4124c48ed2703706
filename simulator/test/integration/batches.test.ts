// The providers' batch APIs with their official SDKs: states, answers and costs.
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI, { toFile } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait.ts';
import type { BillEntry } from '../../src/engine/records/bill.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat } from './client.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ tokens: 10, batchMs: 0, price: { input: 2, cachedInput: 1, output: 8 } });
});
afterEach(() => simulator.close());

const openai = () => new OpenAI({ apiKey: 'sk-any', baseURL: `${simulator.url}/v1`, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: 'sk-any', baseURL: simulator.url, maxRetries: 0 });
const gemini = () => new GoogleGenAI({ apiKey: 'any', httpOptions: { baseUrl: simulator.url, apiVersion: 'v1beta' } });

function line(customId: string, prompt: string, url = '/v1/chat/completions', model = 'gpt-4o'): string {
  return JSON.stringify({ custom_id: customId, method: 'POST', url, body: chat(prompt, { model }) });
}

async function submit(
  lines: readonly string[],
  endpoint: OpenAI.Batches.BatchCreateParams['endpoint'] = '/v1/chat/completions',
) {
  const file = await openai().files.create({
    file: await toFile(Buffer.from(lines.join('\n')), 'lines.jsonl'),
    purpose: 'batch',
  });
  const metadata = { chunk: 'c1' };
  return openai().batches.create({ input_file_id: file.id, endpoint, completion_window: '24h', metadata });
}

function openaiEnd(id: string) {
  return waitFor(`the end of ${id}`, async () => {
    const batch = await openai().batches.retrieve(id);
    return ['completed', 'failed', 'expired', 'cancelled'].includes(batch.status) ? batch : null;
  });
}

async function fileLines(
  id: string,
): Promise<{ custom_id: string; response: { status_code: number; body: object } | null; error: object | null }[]> {
  const text = await (await openai().files.content(id)).text();
  return text
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each));
}

const sum = (entries: readonly BillEntry[]) => entries.reduce((total, { costPicoUsd }) => total + costPicoUsd, 0n);

describe('OpenAI’s', () => {
  test('runs from upload to download, at half the price', async () => {
    await ask(simulator, { body: chat('Line 1.') });
    const ordinary = simulator.bill.entries()[0]!;
    simulator.bill.clear();
    const batch = await submit(Array.from({ length: 5 }, (_, index) => line(`id-${index}`, 'Line 1.')));
    expect(batch).toMatchObject({
      object: 'batch',
      status: 'validating',
      output_file_id: null,
      metadata: { chunk: 'c1' },
    });
    const done = await openaiEnd(batch.id);
    expect(done).toMatchObject({ status: 'completed', error_file_id: null, model: 'gpt-4o' });
    expect(done.request_counts).toEqual({ total: 5, completed: 5, failed: 0 });
    const output = await fileLines(done.output_file_id!);
    expect(output.map(({ custom_id }) => custom_id).sort()).toEqual(['id-0', 'id-1', 'id-2', 'id-3', 'id-4']);
    expect(output[0]).toMatchObject({
      response: { status_code: 200, body: { object: 'chat.completion' } },
      error: null,
    });
    const entries = simulator.bill.entries();
    expect(entries.map(({ clientRequestId, isBatch }) => [clientRequestId, isBatch])).toContainEqual(['id-3', true]);
    expect(sum(entries) * 2n).toBe(ordinary.costPicoUsd * 5n);
    expect(simulator.stats()).toMatchObject({ calls: 1, batchLines: 5, inFlight: 0 });
  });

  test.each([
    ['/v1/responses', { model: 'gpt-4o', input: 'Hello.' }, 'response'],
    ['/v1/embeddings', { model: 'text-embedding-3-small', input: 'Hello.' }, 'list'],
  ] as const)('answers lines for %s', async (endpoint, body, object) => {
    const text = JSON.stringify({ custom_id: 'a', method: 'POST', url: endpoint, body });
    const done = await openaiEnd((await submit([text], endpoint)).id);
    expect((await fileLines(done.output_file_id!))[0]).toMatchObject({ response: { body: { object } } });
  });

  test('writes failed lines to the error file', async () => {
    const done = await openaiEnd(
      (
        await submit([
          line('good', 'Hello.'),
          line('refused', '[[sim fault=400]]'),
          line('limited', '[[sim fault=429]]'),
          line('broken', '[[sim fault=cut@3]]'),
          line('silent', '[[sim fault=silence]]'),
        ])
      ).id,
    );
    expect(done.request_counts).toEqual({ total: 5, completed: 1, failed: 4 });
    const errors = await fileLines(done.error_file_id!);
    expect(Object.fromEntries(errors.map(({ custom_id, response }) => [custom_id, response!.status_code]))).toEqual({
      refused: 400,
      limited: 429,
      broken: 500,
      silent: 500,
    });
    expect(simulator.bill.totals().calls).toBe(1);
  });

  test.each([
    ['not JSON', ['{'], 'invalid_json_line', 1],
    ['a repeated custom_id', [line('a', 'x'), line('a', 'y')], 'duplicate_custom_id', 2],
    ['another url', [line('a', 'x', '/v1/embeddings')], 'url_mismatch', 1],
    ['two models', [line('a', 'x'), line('b', 'y', '/v1/chat/completions', 'other')], 'model_mismatch', 2],
    ['nothing', [''], 'empty_file', null],
  ])('fails for %s, after it was accepted', async (_, lines, code, number) => {
    const batch = await submit(lines);
    expect(batch.status).toBe('validating');
    const failed = await openaiEnd(batch.id);
    expect(failed).toMatchObject({ status: 'failed', output_file_id: null, error_file_id: null });
    expect(failed.errors?.data?.[0]).toMatchObject({ code, line: number });
  });

  test('can be listed, found by its metadata and cancelled', async () => {
    simulator.change({ batchMs: 60_000 });
    const { id } = await submit([line('a', 'x')]);
    await submit([line('b', 'y')]);
    const listed = [];
    for await (const batch of openai().batches.list({ limit: 1 })) listed.push(batch);
    expect(listed).toHaveLength(2);
    expect(listed[1]).toMatchObject({ id, metadata: { chunk: 'c1' } });
    expect(await openai().batches.cancel(id)).toMatchObject({ status: 'cancelling' });
    expect(await openaiEnd(id)).toMatchObject({ status: 'cancelled', output_file_id: null });
    await expect(openai().batches.cancel(id)).rejects.toMatchObject({ status: 409 });
  });

  test('expires with some lines completed', async () => {
    const lines = Array.from({ length: 10 }, (_, index) => line(`id-${index}`, `[[sim batch=expire@4]] ${index}`));
    const done = await openaiEnd((await submit(lines)).id);
    expect(done).toMatchObject({ status: 'expired', request_counts: { total: 10, completed: 4, failed: 0 } });
    expect(await fileLines(done.output_file_id!)).toHaveLength(4);
    const rest = await fileLines(done.error_file_id!);
    expect(rest).toHaveLength(6);
    expect(rest[0]).toMatchObject({ response: null, error: { code: 'batch_expired' } });
  });

  test('is created even if its response is lost', async () => {
    await expect(submit([line('a', '[[sim batch=lost]]')])).rejects.toThrow();
    const { data } = await openai().batches.list();
    expect(data[0]).toMatchObject({ metadata: { chunk: 'c1' } });
  });
});

describe('Anthropic’s', () => {
  const request = (customId: string, prompt: string) => ({
    custom_id: customId,
    params: { model: 'claude-x', max_tokens: 20, messages: [{ role: 'user' as const, content: prompt }] },
  });

  function ended(id: string) {
    return waitFor(`the end of ${id}`, async () => {
      const batch = await anthropic().messages.batches.retrieve(id);
      return batch.processing_status === 'ended' ? batch : null;
    });
  }

  test('runs from requests to results; its counts are unknown until the end', async () => {
    simulator.change({ batchMs: 300 });
    const requests = [request('a', 'Hello.'), request('b', '[[sim fault=400]]'), request('c', '[[sim fault=529]]')];
    const batch = await anthropic().messages.batches.create({ requests });
    expect(batch).toMatchObject({ type: 'message_batch', processing_status: 'in_progress', results_url: null });
    expect(batch.request_counts).toMatchObject({ processing: 3, succeeded: 0 });
    await expect(anthropic().messages.batches.delete(batch.id)).rejects.toMatchObject({ status: 400 });
    const done = await ended(batch.id);
    expect(done.request_counts).toEqual({ processing: 0, succeeded: 1, errored: 2, canceled: 0, expired: 0 });
    const results = [];
    for await (const result of await anthropic().messages.batches.results(batch.id)) results.push(result);
    expect(results.map(({ custom_id, result }) => [custom_id, result.type])).toEqual([
      ['c', 'errored'],
      ['b', 'errored'],
      ['a', 'succeeded'],
    ]);
    expect(results[0]).toMatchObject({ result: { error: { type: 'error', error: { type: 'overloaded_error' } } } });
    expect(simulator.bill.entries()).toMatchObject([{ clientRequestId: 'a', isBatch: true }]);
    expect(await anthropic().messages.batches.delete(batch.id)).toMatchObject({ type: 'message_batch_deleted' });
    await expect(anthropic().messages.batches.retrieve(batch.id)).rejects.toMatchObject({ status: 404 });
  });

  test('refuses invalid ids', async () => {
    const create = (...ids: string[]) =>
      anthropic().messages.batches.create({ requests: ids.map((id) => request(id, 'Hello.')) });
    await expect(create('a.b')).rejects.toMatchObject({ status: 400 });
    await expect(create('a', 'a')).rejects.toMatchObject({ status: 400 });
  });

  test('can be cancelled while it runs', async () => {
    const requests = ['a', 'b', 'c', 'd'].map((id) => request(id, '[[sim batch=stall@1]] Hello.'));
    const { id } = await anthropic().messages.batches.create({ requests });
    await simulator.until(({ batchLines }) => batchLines === 1);
    expect(await anthropic().messages.batches.cancel(id)).toMatchObject({ processing_status: 'canceling' });
    expect((await ended(id)).request_counts).toMatchObject({ succeeded: 1, canceled: 3 });
  });
});

describe('Gemini’s', () => {
  const MODEL = 'gemini-x';
  const request = (key: string, prompt: string) => ({
    contents: [{ role: 'user', parts: [{ text: prompt }] }],
    metadata: { key },
  });

  function ended(name: string) {
    return waitFor(`the end of ${name}`, async () => {
      const batch = await gemini().batches.get({ name });
      return batch.state?.match(/SUCCEEDED|FAILED|CANCELLED|EXPIRED/) ? batch : null;
    });
  }

  test('runs with inline requests', async () => {
    const src = [request('a', 'Hello.'), request('b', '[[sim fault=503]]')];
    const { name } = await gemini().batches.create({ model: MODEL, src, config: { displayName: 'c1' } });
    const done = await ended(name!);
    expect(done).toMatchObject({ state: 'JOB_STATE_SUCCEEDED', displayName: 'c1' });
    const responses = done.dest!.inlinedResponses!;
    expect(responses[0]).toMatchObject({
      metadata: { key: 'a' },
      response: { candidates: [{ finishReason: 'STOP' }] },
    });
    expect(responses[1]).toMatchObject({ metadata: { key: 'b' }, error: { code: 14 } });
    expect(simulator.bill.entries()).toMatchObject([{ clientRequestId: 'a', isBatch: true, model: MODEL }]);
  });

  test('has its counts as int64 strings', async () => {
    const { name } = await gemini().batches.create({
      model: MODEL,
      src: [request('a', 'Hello.')],
      config: { displayName: 'c' },
    });
    await ended(name!);
    const { text } = await ask(simulator, { method: 'GET', path: `/v1beta/${name}` });
    expect(JSON.parse(text)).toMatchObject({
      done: true,
      metadata: { state: 'BATCH_STATE_SUCCEEDED', batchStats: { requestCount: '1', successfulRequestCount: '1' } },
    });
  });

  test('runs with input and output files', async () => {
    const lines = ['a', 'b'].map((key) =>
      JSON.stringify({ key, request: { contents: [{ parts: [{ text: `Line ${key}.` }] }] } }),
    );
    const file = await gemini().files.upload({
      file: new Blob([lines.join('\n')], { type: 'application/jsonl' }),
      config: { displayName: 'lines', mimeType: 'application/jsonl' },
    });
    const { name } = await gemini().batches.create({ model: MODEL, src: file.name!, config: { displayName: 'c' } });
    const done = await ended(name!);
    const { text } = await ask(simulator, {
      method: 'GET',
      path: `/download/v1beta/${done.dest!.fileName}:download?alt=media`,
    });
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((each) => (JSON.parse(each) as { key: string }).key),
    ).toEqual(['a', 'b']);
  });

  test('can be cancelled, listed and deleted', async () => {
    const src = [request('a', '[[sim batch=stall@0]]')];
    const { name } = await gemini().batches.create({ model: MODEL, src, config: { displayName: 'c2' } });
    await gemini().batches.cancel({ name: name! });
    expect(await ended(name!)).toMatchObject({ state: 'JOB_STATE_CANCELLED' });
    const listed = [];
    for await (const batch of await gemini().batches.list()) listed.push(batch.displayName);
    expect(listed).toEqual(['c2']);
    await gemini().batches.delete({ name: name! });
    await expect(gemini().batches.get({ name: name! })).rejects.toMatchObject({ status: 404 });
  });
});

describe('faults of a batch as a whole', () => {
  test('come from the options too; a command in a line takes precedence', async () => {
    simulator.change({ batchFault: 'fail' });
    const failed = await openaiEnd((await submit([line('a', 'x')])).id);
    expect(failed).toMatchObject({ status: 'failed', errors: { data: [{ code: 'token_limit_exceeded' }] } });
    const expired = await openaiEnd((await submit([line('a', '[[sim batch=expire@0]]')])).id);
    expect(expired.status).toBe('expired');
    simulator.change({ batchFault: 'refuse' });
    await expect(submit([line('a', 'x')])).rejects.toMatchObject({ status: 503 });
  });

  test('a stuck batch stays in progress, also when it is cancelled', async () => {
    simulator.change({ batchMs: 60_000 });
    const { id } = await submit([line('a', '[[sim batch=stuck@0]]')]);
    await openai().batches.cancel(id);
    await ask(simulator, { body: chat('Hello.') });
    expect((await openai().batches.retrieve(id)).status).toBe('cancelling');
  });

  test('a misspelt fault is refused', async () => {
    expect(() => simulator.change({ batchFault: 'explode' })).toThrow();
    await expect(submit([line('a', '[[sim batch=explode]]')])).rejects.toMatchObject({ status: 400 });
  });
});
