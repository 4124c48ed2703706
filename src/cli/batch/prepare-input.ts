// The file to upload: the author's own, when it can go as it is; else one made of it, with the model set or from plain
// prompts. It has been checked from its first line to its last.
import { stat } from 'node:fs/promises';
import { checkInput, type InputSummary } from './check-input.ts';
import { isObject } from './check-line.ts';
import { DEFAULT_ENDPOINT } from './endpoints.ts';
import { CommandError } from './exit-codes.ts';
import type { FaultList } from './faults.ts';
import { appendLine, openLineSink } from './line-sink.ts';
import { temporaryFile } from './temporary-file.ts';
import { writePrompts } from './write-prompts.ts';

export interface InputRequest {
  /** A JSONL file of whole batch lines; or `prompts`. */
  file?: string;
  prompts?: string;
  template?: string;
  system?: string;
  idColumn?: string;
  /** JSON text: more members of every body. */
  body?: string;
  model?: string;
  endpoint?: string;
  /** Where to keep an input that is made; absent: it is gone after the upload. */
  keep?: string;
}

export interface PreparedInput {
  path: string;
  /** As the author knows it: for messages, and the uploaded file's name. */
  name: string;
  faults: FaultList;
  summary: InputSummary;
}

export async function prepareInput(request: InputRequest): Promise<PreparedInput> {
  const { file, prompts } = request;
  const name = file ?? prompts;
  if (name === undefined || (file !== undefined && prompts !== undefined)) {
    throw new CommandError('input', 'give one input: a batch file (FILE.jsonl), or plain prompts with --prompts FILE');
  }
  const found = await stat(name).catch(() => null);
  if (found === null || !found.isFile()) throw new CommandError('input', `there is no file ${name}`);
  return prompts === undefined ? prepareLines(name, request) : preparePrompts(name, request);
}

async function prepareLines(path: string, request: InputRequest): Promise<PreparedInput> {
  const unfit = (['template', 'system', 'idColumn', 'body'] as const).find((option) => request[option] !== undefined);
  if (unfit !== undefined) throw new CommandError('input', 'the options of prompts need --prompts FILE');
  const { endpoint, model } = request;
  const wanted = { ...(endpoint === undefined ? {} : { endpoint }), ...(model === undefined ? {} : { model }) };
  // Without a model to set, the file goes up as it is, to the last byte.
  if (model === undefined) return { path, name: path, ...(await checkInput(path, wanted)) };
  const target = request.keep ?? temporaryFile('input.jsonl');
  const sink = openLineSink(target);
  const checked = await checkInput(path, wanted, (line) => appendLine(sink, JSON.stringify(line)));
  await sink.close();
  return { path: target, name: path, ...checked };
}

async function preparePrompts(path: string, request: InputRequest): Promise<PreparedInput> {
  const { model, template, system, idColumn, endpoint = DEFAULT_ENDPOINT } = request;
  if (model === undefined) throw new CommandError('input', '--prompts needs --model: which model shall answer');
  const target = request.keep ?? temporaryFile('input.jsonl');
  const sink = openLineSink(target);
  const options = {
    model,
    endpoint,
    body: readBody(request.body),
    ...(template === undefined ? {} : { template }),
    ...(system === undefined ? {} : { system }),
    ...(idColumn === undefined ? {} : { idColumn }),
  };
  const { faults, lines } = await writePrompts(path, options, sink);
  await sink.close();
  return { path: target, name: path, faults, summary: { lines, endpoint, models: new Map([[model, lines]]) } };
}

function readBody(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (isObject(value)) return value;
  throw new CommandError('input', `--body takes a JSON object such as '{"temperature":0}', not ${text}`);
}
