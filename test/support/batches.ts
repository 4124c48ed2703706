// Batches for tests: created with the official SDK from the test's lines, awaited by their state.
import OpenAI, { toFile } from 'openai';
import type { Batch } from 'openai/resources/batches';
import { TEST_KEY, type TestBroker } from './broker.ts';
import { waitFor } from './wait.ts';

export interface LineWish {
  customId: string;
  prompt?: string;
  model?: string;
  more?: object;
}

export interface ResultLine {
  id: string;
  custom_id: string;
  response: { status_code: number; request_id: string; body: Record<string, unknown> } | null;
  error: { code: string; message: string } | null;
}

const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);

export function sdk(broker: Pick<TestBroker, 'url'>, key = TEST_KEY): OpenAI {
  return new OpenAI({ baseURL: `${broker.url}/v1`, apiKey: key, maxRetries: 0 });
}

export function chatLine({ customId, prompt, model = 'solo', more }: LineWish): string {
  const messages = [{ role: 'user', content: prompt ?? `Line ${customId}.` }];
  const body = { model, messages, ...more };
  return JSON.stringify({ custom_id: customId, method: 'POST', url: '/v1/chat/completions', body });
}

export function chatLines(count: number, prompt?: (index: number) => string): string {
  const lines = Array.from({ length: count }, (_, index) =>
    chatLine({ customId: `line-${index}`, ...(prompt === undefined ? {} : { prompt: prompt(index) }) }),
  );
  return `${lines.join('\n')}\n`;
}

export async function upload(client: OpenAI, text: string | Buffer, name = 'input.jsonl'): Promise<string> {
  const file = await client.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'batch' });
  return file.id;
}

export async function submit(client: OpenAI, text: string | Buffer, window = '24h'): Promise<Batch> {
  return client.batches.create({
    input_file_id: await upload(client, text),
    endpoint: '/v1/chat/completions',
    completion_window: window as '24h',
  });
}

export function ended(client: OpenAI, id: string, limitMs = 60_000): Promise<Batch> {
  return waitFor(
    `the end of ${id}`,
    async () => {
      const batch = await client.batches.retrieve(id);
      return ENDED.has(batch.status) ? batch : null;
    },
    limitMs,
  );
}

/** Of the output or the error file; empty if there is no file. */
export async function results(client: OpenAI, fileId: string | null | undefined): Promise<ResultLine[]> {
  if (!fileId) return [];
  const text = await (await client.files.content(fileId)).text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ResultLine);
}

/** Expires the leases of a killed batch process now: another one takes over its batches at once. */
export async function endLeases({ database }: Pick<TestBroker, 'database'>): Promise<void> {
  await database.updateTable('batch_runs').set({ lease_until: 0 }).execute();
}
