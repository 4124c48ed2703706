// Reads the lines of an input file, with the faults that OpenAI reports: docs/reference/openai-batch.md section 2.
import type { Dialect, InputFault, LineCall, RequestHead } from '../dialect.ts';
import { openaiChatDialect } from '../openai-chat/dialect.ts';
import { openaiCompletionsDialect } from '../openai-completions/dialect.ts';
import { openaiEmbeddingsDialect } from '../openai-embeddings/dialect.ts';
import { openaiResponsesDialect } from '../openai-responses/dialect.ts';

/** The dialect that answers the lines of each endpoint. */
export const BATCH_ENDPOINTS: Readonly<Record<string, Dialect>> = {
  '/v1/responses': openaiResponsesDialect,
  '/v1/chat/completions': openaiChatDialect,
  '/v1/embeddings': openaiEmbeddingsDialect,
  '/v1/completions': openaiCompletionsDialect,
};

const MAX_LINES = 50_000;

export interface BatchInput {
  lines: LineCall[];
  faults: InputFault[];
}

interface Reading extends BatchInput {
  endpoint: string;
  head: RequestHead;
  ids: Set<string>;
  model: unknown;
}

/** @param head of the request that created the batch; every line is treated as sent by the same caller. */
export function readInput(text: string, endpoint: string, head: RequestHead): BatchInput {
  const lineHead = { ...head, method: 'POST', path: endpoint, query: '' };
  const reading: Reading = { lines: [], faults: [], endpoint, head: lineHead, ids: new Set(), model: undefined };
  for (const [index, line] of text.split('\n').entries()) if (line.trim() !== '') readLine(reading, line, index + 1);
  const { lines, faults } = reading;
  if (lines.length === 0 && faults.length === 0) faults.push(fault('empty_file', 'The file is empty.', null));
  if (lines.length > MAX_LINES) {
    faults.push(fault('too_many_tasks', `The batch has more than ${MAX_LINES} requests.`, null));
  }
  return { lines, faults };
}

function readLine(reading: Reading, text: string, line: number): void {
  const value = parse(text);
  const found = value === null ? fault('invalid_json_line', 'This line is not parseable as valid JSON.', line) : null;
  const wrong = found ?? findFault(reading, value!, line);
  if (wrong !== null) {
    reading.faults.push(wrong);
    return;
  }
  const { custom_id: customId, body } = value as { custom_id: string; body: { model?: unknown } };
  reading.ids.add(customId);
  reading.model ??= body.model;
  reading.lines.push({ customId, dialect: BATCH_ENDPOINTS[reading.endpoint]!, head: reading.head, body });
}

function findFault(reading: Reading, value: Record<string, unknown>, line: number): InputFault | null {
  const { custom_id: customId, method, url, body } = value;
  if (typeof customId !== 'string') return missing('custom_id', line);
  if (reading.ids.has(customId))
    return fault('duplicate_custom_id', `The custom_id '${customId}' is repeated.`, line, 'custom_id');
  if (method !== 'POST') return fault('invalid_method', 'The method must be POST.', line, 'method');
  if (url !== reading.endpoint) {
    return fault('url_mismatch', `The URL '${url}' does not match the batch's '${reading.endpoint}'.`, line, 'url');
  }
  if (typeof body !== 'object' || body === null) return missing('body', line);
  const { model } = body as { model?: unknown };
  if (reading.model !== undefined && model !== reading.model) {
    return fault('model_mismatch', `The model '${model}' is not that of the first line.`, line, 'body.model');
  }
  return null;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function missing(param: string, line: number): InputFault {
  return fault('missing_required_parameter', `Missing required parameter: '${param}'.`, line, param);
}

function fault(code: string, message: string, line: number | null, param: string | null = null): InputFault {
  return { code, message, param, line };
}
