// `sluice batch submit`: checks the input, uploads it, creates the batch, and watches it with `--watch`. The user's file is
// uploaded unchanged where possible; otherwise a file is made from it, with the model set or from plain prompts.
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { complain, formatBytes, print } from '../terminal.ts';
import { type BatchClient, createBatchClient } from './batch-client.ts';
import { type BatchObject, say, showEnd } from './batch-object.ts';
import { checkInput, DEFAULT_ENDPOINT, type InputSummary } from './check-input.ts';
import { CommandError, EXIT_CODES, onInterrupt } from './exit-codes.ts';
import { appendLine, type FaultList, formatFaults, isObject, openLineSink, temporaryFile } from './line-files.ts';
import { writePrompts } from './prompts.ts';
import type { Connection } from './server-call.ts';
import { startProgress } from './terminal-progress.ts';
import { watchBatch } from './watch-batch.ts';

export interface SubmitOptions extends InputRequest {
  /** Completion window: `24h`; Sluice takes others too. */
  window: string;
  metadata: Record<string, string>;
  watch: boolean;
  /** Only check. */
  dryRun: boolean;
  json: boolean;
}

/** Returns the exit code. Stdout gets the batch's id (or with `--json` the batch), stderr everything else. */
export async function submit(connect: () => Connection, options: SubmitOptions): Promise<number> {
  const interrupt = onInterrupt('Stopped. Nothing was submitted.');
  const input = await prepareInput(options);
  if (input.faults.count > 0) return refuse(input, options.json);
  say(describe(input));
  if (options.dryRun) return EXIT_CODES.done;

  const client = createBatchClient(connect());
  const fileId = await upload(client, input);
  interrupt.explain('Stopped while the batch was being created; `sluice batch list` shows whether it exists.');
  const { endpoint } = input.summary;
  const created = await client.create({
    input_file_id: fileId,
    endpoint,
    completion_window: options.window,
    ...(Object.keys(options.metadata).length === 0 ? {} : { metadata: options.metadata }),
  });
  return follow(client, created, options, interrupt.explain);
}

/** What follows the creation of a batch, for `submit` and `retry-failed`. */
export async function follow(
  client: BatchClient,
  created: BatchObject,
  { watch, json }: Pick<SubmitOptions, 'watch' | 'json'>,
  explainInterrupt: (message: string) => void,
): Promise<number> {
  if (!watch) {
    print(json ? JSON.stringify(created) : created.id);
    say(`Watch it:   sluice batch watch ${created.id}`);
    return EXIT_CODES.done;
  }
  if (!json) print(created.id);
  explainInterrupt(resumeHint(created.id));
  return showEnd(await watchBatch(client, created.id), json);
}

export function resumeHint(batchId: string): string {
  return `The batch keeps running. Watch it again:   sluice batch watch ${batchId}`;
}

/** Returns the id of the uploaded file. */
export async function upload(client: BatchClient, input: Pick<PreparedInput, 'path' | 'name'>): Promise<string> {
  const progress = startProgress('uploading');
  try {
    const file = await client.upload(input.path, jsonlName(input.name), (sent, total) =>
      progress.update(sent, total, `${formatBytes(sent)} of ${formatBytes(total)}`),
    );
    return file.id;
  } finally {
    progress.end();
  }
}

/** OpenAI refuses batch files with any other ending (observed: github.com/BerriAI/litellm/issues/37527). */
function jsonlName(path: string): string {
  const name = basename(path);
  return name.endsWith('.jsonl') ? name : `${name}.jsonl`;
}

function refuse({ faults, name }: PreparedInput, json: boolean): number {
  if (json) print(JSON.stringify({ valid: false, fault_count: faults.count, faults: faults.faults }));
  else complain(formatFaults(name, faults));
  say(`Nothing was uploaded: ${faults.count} error${faults.count === 1 ? '' : 's'}.`);
  return EXIT_CODES.input;
}

function describe({ summary: { lines, endpoint, models } }: PreparedInput): string {
  const names = [...models.keys()].slice(0, 3).join(', ') + (models.size > 3 ? ` and ${models.size - 3} more` : '');
  return `${lines.toLocaleString('en-US')} lines for ${endpoint}, ${models.size === 1 ? 'model' : 'models'} ${names}`;
}

export interface InputRequest {
  /** A JSONL file of complete batch lines. Either this or `prompts` is given. */
  file?: string;
  prompts?: string;
  template?: string;
  system?: string;
  idColumn?: string;
  /** JSON text: further members of every body. */
  body?: string;
  model?: string;
  endpoint?: string;
  /** Where to keep an input that is made here; without it the file is removed after the upload. */
  keep?: string;
}

export interface PreparedInput {
  path: string;
  /** The path that the user gave: for messages and for the name of the uploaded file. */
  name: string;
  faults: FaultList;
  summary: InputSummary;
}

export async function prepareInput(request: InputRequest): Promise<PreparedInput> {
  const { file, prompts } = request;
  const name = file ?? prompts;
  if (name === undefined || (file !== undefined && prompts !== undefined)) {
    throw new CommandError('input', 'pass one input: a batch file (FILE.jsonl), or plain prompts with --prompts FILE');
  }
  const found = await stat(name).catch(() => null);
  if (found === null || !found.isFile()) throw new CommandError('input', `there is no file ${name}`);
  return prompts === undefined ? prepareLines(name, request) : preparePrompts(name, request);
}

async function prepareLines(path: string, request: InputRequest): Promise<PreparedInput> {
  const unfit = (['template', 'system', 'idColumn', 'body'] as const).find((option) => request[option] !== undefined);
  if (unfit !== undefined)
    throw new CommandError('input', '--template, --system, --id-column and --body need --prompts FILE');
  const { endpoint, model } = request;
  const wanted = { ...(endpoint === undefined ? {} : { endpoint }), ...(model === undefined ? {} : { model }) };
  // Without a model to set, the file is uploaded unchanged, byte for byte.
  if (model === undefined) return { path, name: path, ...(await checkInput(path, wanted)) };
  const target = request.keep ?? temporaryFile('input.jsonl');
  const sink = openLineSink(target);
  const checked = await checkInput(path, wanted, (line) => appendLine(sink, JSON.stringify(line)));
  await sink.close();
  return { path: target, name: path, ...checked };
}

async function preparePrompts(path: string, request: InputRequest): Promise<PreparedInput> {
  const { model, template, system, idColumn, endpoint = DEFAULT_ENDPOINT } = request;
  if (model === undefined) throw new CommandError('input', '--prompts needs --model');
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
  throw new CommandError('input', `--body must be a JSON object such as '{"temperature":0}', not ${text}`);
}
