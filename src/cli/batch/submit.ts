// `sluice batch submit`: checks or makes the input, uploads it, creates the batch, and watches it where asked to.
import { basename } from 'node:path';
import { complain, print } from '../terminal.ts';
import { type BatchClient, createBatchClient } from './batch-client.ts';
import type { BatchObject } from './batch-object.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { formatFaults } from './faults.ts';
import { formatBytes } from './figures.ts';
import { onInterrupt } from './interrupt.ts';
import { type InputRequest, type PreparedInput, prepareInput } from './prepare-input.ts';
import { say, showEnd } from './show.ts';
import { startProgress } from './terminal-progress.ts';
import { watchBatch } from './watch-batch.ts';

export interface SubmitOptions extends InputRequest {
  /** `24h`; Sluice takes other windows too. */
  window: string;
  metadata: Record<string, string>;
  watch: boolean;
  /** Only check. */
  dryRun: boolean;
  json: boolean;
}

/** Exit code. Stdout gets the batch's id (or with `--json` the batch), stderr everything else. */
export async function submit(connect: () => Connection, options: SubmitOptions): Promise<number> {
  const interrupt = onInterrupt('Stopped. Nothing was submitted.');
  const input = await prepareInput(options);
  if (input.faults.count > 0) return refuse(input, options.json);
  say(describe(input));
  if (options.dryRun) return EXIT_CODES.done;

  const client = createBatchClient(connect());
  const fileId = await upload(client, input);
  interrupt.explain('Stopped while the batch was being created; `sluice batch list` says whether it was.');
  const { endpoint } = input.summary;
  const created = await client.create({
    input_file_id: fileId,
    endpoint,
    completion_window: options.window,
    ...(Object.keys(options.metadata).length === 0 ? {} : { metadata: options.metadata }),
  });
  return follow(client, created, options, interrupt.explain);
}

/** What comes after creation; also of `retry-failed`. */
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
  return `The batch goes on without you. Watch it again:   sluice batch watch ${batchId}`;
}

/** Id of the uploaded file. */
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

/** OpenAI refuses batch files of any other name (observed: github.com/BerriAI/litellm/issues/37527). */
function jsonlName(path: string): string {
  const name = basename(path);
  return name.endsWith('.jsonl') ? name : `${name}.jsonl`;
}

function refuse({ faults, name }: PreparedInput, json: boolean): number {
  if (json) print(JSON.stringify({ valid: false, fault_count: faults.count, faults: faults.faults }));
  else complain(formatFaults(name, faults));
  say(`Nothing was uploaded: ${faults.count} fault${faults.count === 1 ? '' : 's'}.`);
  return EXIT_CODES.input;
}

function describe({ summary: { lines, endpoint, models } }: PreparedInput): string {
  const names = [...models.keys()].slice(0, 3).join(', ') + (models.size > 3 ? ` and ${models.size - 3} more` : '');
  return `${lines.toLocaleString('en-US')} lines for ${endpoint}, ${models.size === 1 ? 'model' : 'models'} ${names}`;
}
