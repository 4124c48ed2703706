// Output and error file of a batch that has ended. Wire facts: docs/reference/openai-batch.md section 2.
import type { Batch, Batches } from '../dialect.ts';

export interface ResultFiles {
  output: string | null;
  error: string | null;
}

const made = new WeakMap<Batch, ResultFiles>();

const EXPIRED = {
  code: 'batch_expired',
  message: 'This request could not be executed before the completion window expired.',
};

/** Made when somebody first asks; a file without lines does not come to be. */
export function resultFiles(batch: Batch, desk: Batches): ResultFiles {
  if (!batch.hasEnded) return { output: null, error: null };
  const known = made.get(batch);
  if (known !== undefined) return known;
  const { output, error } = resultLines(batch);
  const add = (kind: string, lines: readonly string[]) =>
    lines.length === 0
      ? null
      : desk.addFile('file-', {
          name: `${batch.id}_${kind}.jsonl`,
          purpose: 'batch_output',
          text: `${lines.join('\n')}\n`,
        }).id;
  const files = { output: add('output', output), error: add('error', error) };
  made.set(batch, files);
  return files;
}

/** Last lines first: the provider keeps no order either. */
function resultLines({ lines, answers, state }: Batch): { output: string[]; error: string[] } {
  const output: string[] = [];
  const error: string[] = [];
  for (const [index, { requestId, status, body }] of answers.entries()) {
    const response = { status_code: status, request_id: requestId, body: JSON.parse(body) as unknown };
    const line = { id: `batch_${requestId}`, custom_id: lines[index]!.customId, response, error: null };
    (status < 300 ? output : error).unshift(JSON.stringify(line));
  }
  if (state === 'expired') {
    for (const { customId } of lines.slice(answers.length)) {
      error.unshift(
        JSON.stringify({ id: `batch_req_${customId}`, custom_id: customId, response: null, error: EXPIRED }),
      );
    }
  }
  return { output, error };
}
