// The requests of a batch, inline or in a file.
import { invalid, RefusalError } from '../../engine/refusal.ts';
import type { LineCall, LookupContext } from '../dialect.ts';
import { geminiGenerateContentDialect } from '../gemini-generate-content/dialect.ts';

const MAX_INLINE_BYTES = 20 * 1024 * 1024;

type Json = Record<string, unknown>;

export interface GeminiBatchInput {
  displayName: string;
  lines: LineCall[];
  isFile: boolean;
}

export function readBatchInput(context: LookupContext): GeminiBatchInput {
  const batch = member(parse(context.body), 'batch');
  const displayName = batch.displayName ?? batch.display_name;
  if (typeof displayName !== 'string') throw invalid('batch.display_name: required', 'batch.display_name');
  const config = member(batch, 'inputConfig', 'input_config');
  const fileName = config.fileName ?? config.file_name;
  const requests = typeof fileName === 'string' ? readFile(context, fileName) : readInline(context, config);
  if (requests.length === 0) throw invalid('batch.input_config: no requests', 'batch.input_config');
  const path = context.head.path.replace(':batchGenerateContent', ':generateContent');
  const head = { ...context.head, method: 'POST', path, query: '' };
  const lines = requests.map(({ key, request }) => ({
    customId: key,
    dialect: geminiGenerateContentDialect,
    head,
    body: withoutModel(request),
  }));
  return { displayName, lines, isFile: typeof fileName === 'string' };
}

interface KeyedRequest {
  key: string;
  request: Json;
}

function readInline({ body }: LookupContext, config: Json): KeyedRequest[] {
  if (Buffer.byteLength(body) > MAX_INLINE_BYTES) {
    throw new RefusalError({ kind: 'body_too_large', limitBytes: MAX_INLINE_BYTES });
  }
  const { requests } = member(config, 'requests');
  if (!Array.isArray(requests)) throw invalid('batch.input_config.requests: required', 'batch.input_config.requests');
  return requests.map((item: Json, index) => ({
    key: String((item.metadata as Json | undefined)?.key ?? index),
    request: member(item, 'request'),
  }));
}

function readFile({ batches }: LookupContext, name: string): KeyedRequest[] {
  const file = batches.findFile(name);
  if (file === null) throw invalid(`File ${name} not found.`, 'batch.input_config.file_name');
  const lines = file.text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, index) => {
    const item = parse(line);
    return { key: String(item.key ?? index), request: member(item, 'request') };
  });
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}

function member(value: Json, ...names: string[]): Json {
  const found = names.map((name) => value?.[name]).find((candidate) => candidate !== undefined);
  if (typeof found === 'object' && found !== null) return found as Json;
  throw invalid(`${names[0]}: required`, names[0]!);
}

/** The model is in the URL; requests may repeat it. */
function withoutModel({ model: _, ...request }: Json): Json {
  return request;
}
