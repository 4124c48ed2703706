// Checks a whole input file against the rules of the Batch API before anything is uploaded: one pass, every fault with its
// line. What the endpoints require in a body is here too, for the check and for requests made from plain prompts.
import {
  createFaultList,
  type FaultList,
  isObject,
  type JsonObject,
  type Line,
  readLines,
  readObject,
} from './line-files.ts';

export interface InputSummary {
  lines: number;
  /** Endpoint of all lines. */
  endpoint: string;
  /** Lines by model. Bounded: models after the first hundred are counted under `…`. */
  models: ReadonlyMap<string, number>;
}

export interface InputOptions {
  /** Endpoint that every line must have; default: that of the first line. */
  endpoint?: string;
  /** Replaces the model of every line. */
  model?: string;
}

const MAX_MODELS = 100;

/**
 * Returns the faults (none if the input is good) and a summary. Each valid line is passed to `onLine` as it will be sent.
 * Memory grows only with the custom_ids: about 100 bytes per line.
 */
export async function checkInput(
  path: string,
  { endpoint: wanted, model }: InputOptions,
  onLine: (line: InputLine, raw: Line) => void | Promise<void> = () => undefined,
): Promise<{ faults: FaultList; summary: InputSummary }> {
  const faults = createFaultList();
  const firstLines = new Map<string, number>();
  const models = new Map<string, number>();
  let endpoint = wanted ?? null;
  let lines = 0;

  for await (const raw of readLines(path)) {
    if (raw.number === 1) noteEncoding(raw, faults);
    const object = readObject(raw, faults);
    lines += 1;
    if (object === null) continue;
    if (model !== undefined) setModel(object, model);
    if (endpoint === null && typeof object.url === 'string') endpoint = object.url;
    const isGood = checkLine(object, raw.number, endpoint, faults);
    const isNew = noteCustomId(object.custom_id, raw.number, firstLines, faults);
    if (!isGood || !isNew) continue;
    const line = object as unknown as InputLine;
    count(models, line.body.model as string);
    await onLine(line, raw);
  }
  if (lines === 0) faults.add(null, 'empty_file', 'has no lines');
  return { faults, summary: { lines, endpoint: endpoint ?? '', models } };
}

/** UTF-16 or a byte order mark, as some editors write, is one fault of the file and is named as such. */
function noteEncoding({ bytes }: Line, faults: FaultList): void {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    faults.add(1, 'invalid_encoding', 'starts with a byte order mark; save the file as UTF-8 without one');
  } else if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    faults.add(1, 'invalid_encoding', 'is UTF-16; save the file as UTF-8');
  }
}

function setModel(line: JsonObject, model: string): void {
  if (isObject(line.body)) line.body.model = model;
}

function noteCustomId(id: unknown, number: number, firstLines: Map<string, number>, faults: FaultList): boolean {
  if (typeof id !== 'string') return true;
  const first = firstLines.get(id);
  if (first === undefined) {
    firstLines.set(id, number);
    return true;
  }
  faults.add(number, 'duplicate_custom_id', `has the custom_id '${id}' of line ${first}; each must be unique`);
  return false;
}

function count(models: Map<string, number>, model: string): void {
  const name = models.has(model) || models.size < MAX_MODELS ? model : '…';
  models.set(name, (models.get(name) ?? 0) + 1);
}

export interface InputLine {
  custom_id: string;
  method: string;
  url: string;
  body: Record<string, unknown>;
}

/**
 * Adds every fault of the line; returns true if there is none.
 * @param endpoint the one that every line must have, or null while it is not known.
 */
export function checkLine(line: JsonObject, number: number, endpoint: string | null, faults: FaultList): boolean {
  const before = faults.count;
  const fault = (code: string, message: string) => faults.add(number, code, message);
  const { custom_id: customId, method, url, body } = line;
  if (typeof customId !== 'string' || customId === '') fault('invalid_custom_id', 'needs a custom_id (a string)');
  if (method !== 'POST') fault('invalid_method', `needs "method": "POST"${shown(method)}`);
  if (typeof url !== 'string') fault('url_mismatch', `needs a url${endpoint === null ? '' : `: "${endpoint}"`}`);
  else if (endpoint !== null && url !== endpoint) {
    fault('url_mismatch', `has the url ${url}, but the batch is for ${endpoint} (--endpoint sets it)`);
  }
  if (isObject(body)) checkBody(body, typeof url === 'string' ? url : '', fault);
  else fault('invalid_body', 'needs a body: the request as a JSON object');
  return faults.count === before;
}

function checkBody(body: JsonObject, url: string, fault: (code: string, message: string) => void): void {
  if (typeof body.model !== 'string' || body.model === '')
    fault('model_missing', 'its body needs a model (or --model)');
  if (body.stream === true) fault('stream_unsupported', 'its body says "stream": true; batches do not stream');
  for (const member of requiredMembers(url)) {
    if (body[member] === undefined) fault('parameter_missing', `its body needs '${member}' for ${url}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? '' : `, not ${JSON.stringify(value)}`;
}

export interface Prompt {
  system: string | undefined;
  user: string;
}

interface BatchEndpoint {
  /** Without these the provider refuses every line. */
  required: readonly string[];
  fromPrompt(prompt: Prompt): Record<string, unknown>;
}

export const DEFAULT_ENDPOINT = '/v1/chat/completions';
/** Anthropic requires `max_tokens`; this is enough for most answers and allowed by every model. */
const MESSAGES_MAX_TOKENS = 4_096;

const user = (content: string) => ({ role: 'user', content });

const ENDPOINTS: Readonly<Record<string, BatchEndpoint>> = {
  '/v1/chat/completions': {
    required: ['messages'],
    fromPrompt: (prompt) => ({
      messages: [
        ...(prompt.system === undefined ? [] : [{ role: 'system', content: prompt.system }]),
        user(prompt.user),
      ],
    }),
  },
  '/v1/responses': {
    required: [],
    fromPrompt: (prompt) => ({
      ...(prompt.system === undefined ? {} : { instructions: prompt.system }),
      input: prompt.user,
    }),
  },
  '/v1/embeddings': { required: ['input'], fromPrompt: (prompt) => ({ input: prompt.user }) },
  '/v1/messages': {
    required: ['messages', 'max_tokens'],
    fromPrompt: (prompt) => ({
      max_tokens: MESSAGES_MAX_TOKENS,
      ...(prompt.system === undefined ? {} : { system: prompt.system }),
      messages: [user(prompt.user)],
    }),
  },
};

/** Members that every body needs besides `model`; none for an endpoint that is not listed here. */
export function requiredMembers(endpoint: string): readonly string[] {
  return ENDPOINTS[endpoint]?.required ?? [];
}

/** Null if the endpoint cannot take a plain prompt. */
export function bodyFromPrompt(endpoint: string, prompt: Prompt): Record<string, unknown> | null {
  return ENDPOINTS[endpoint]?.fromPrompt(prompt) ?? null;
}

export const PROMPT_ENDPOINTS: readonly string[] = Object.keys(ENDPOINTS);
