// Batches for benchmarks: writes input files of any size, uploads them, creates batches and polls them.
import { openAsBlob } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Deployment, pause, secretOf } from './deployment.ts';

export interface BatchView {
  id: string;
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: { total: number; completed: number; failed: number };
}

export interface InputOptions {
  lines: number;
  /** Additional fields of each body. */
  more?: object;
  /** A token is about four bytes. */
  promptBytes?: number;
}

const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);
const LINES_AT_ONCE = 1_000;

/** Writes an input file; returns its path. */
export async function writeInput({ directory }: Deployment, options: InputOptions): Promise<string> {
  const { lines, more = {}, promptBytes = 360 } = options;
  const path = join(directory, `bench-${lines}.jsonl`);
  const file = await open(path, 'w');
  const filler = 'The quick brown fox jumps over the lazy dog. '.repeat(promptBytes / 45 + 1).slice(0, promptBytes);
  for (let from = 0; from < lines; from += LINES_AT_ONCE) {
    const chunk = Array.from({ length: Math.min(LINES_AT_ONCE, lines - from) }, (_, index) =>
      JSON.stringify({
        custom_id: `line-${from + index}`,
        method: 'POST',
        url: '/v1/chat/completions',
        body: { model: 'gpt-4o', messages: [{ role: 'user', content: `${filler}${from + index}` }], ...more },
      }),
    );
    await file.write(`${chunk.join('\n')}\n`);
  }
  await file.close();
  return path;
}

export async function upload({ url }: Deployment, path: string, key = 'bench'): Promise<string> {
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', await openAsBlob(path), 'input.jsonl');
  const answer = await fetch(`${url}/v1/files`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secretOf(key)}` },
    body: form,
  });
  return ((await answer.json()) as { id: string }).id;
}

export async function createBatch(deployment: Deployment, fileId: string, key = 'bench'): Promise<string> {
  const wish = { input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' };
  return (await call<BatchView>(deployment, 'POST', '/v1/batches', wish, key)).id;
}

export function readBatch(deployment: Deployment, id: string, key = 'bench'): Promise<BatchView> {
  return call<BatchView>(deployment, 'GET', `/v1/batches/${id}`, undefined, key);
}

export async function cancelBatch(deployment: Deployment, id: string, key = 'bench'): Promise<BatchView> {
  await call(deployment, 'POST', `/v1/batches/${id}/cancel`, undefined, key);
  return untilBatch(deployment, id, hasEnded, key);
}

export async function untilBatch(
  deployment: Deployment,
  id: string,
  isReached: (batch: BatchView) => boolean,
  key = 'bench',
): Promise<BatchView> {
  for (;;) {
    const batch = await readBatch(deployment, id, key);
    if (isReached(batch) || hasEnded(batch)) return batch;
    await pause(100);
  }
}

export const hasEnded = ({ status }: BatchView) => ENDED.has(status);
export const doneLines = ({ request_counts: counts }: BatchView) => counts.completed + counts.failed;

/** Number of distinct custom_ids in the result files. */
export async function countDistinct({ url }: Deployment, batch: BatchView, key = 'bench'): Promise<number> {
  const ids = new Set<string>();
  for (const id of [batch.output_file_id, batch.error_file_id]) {
    if (id === null) continue;
    const headers = { authorization: `Bearer ${secretOf(key)}` };
    const { body } = await fetch(`${url}/v1/files/${id}/content`, { headers });
    let rest = '';
    for await (const text of body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) ids.add(/"custom_id":"([^"]+)"/.exec(line)![1]!);
    }
  }
  return ids.size;
}

async function call<T>(
  { url }: Deployment,
  method: string,
  path: string,
  body: object | undefined,
  key: string,
): Promise<T> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${secretOf(key)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}
