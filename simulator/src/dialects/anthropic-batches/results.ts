// The results of a batch that has ended, one JSON text a line. Last requests first: the provider keeps no order either.
import type { Batch } from '../dialect.ts';

export function encodeResults(batch: Batch): string {
  const { lines, answers } = batch;
  const results = lines.map(({ customId }, index) => {
    const answer = answers[index];
    const result = answer === undefined ? notRun(batch) : resultOf(answer.status, answer.body);
    return `${JSON.stringify({ custom_id: customId, result })}\n`;
  });
  return results.reverse().join('');
}

function resultOf(status: number, body: string): object {
  const value = JSON.parse(body) as object;
  return status < 300 ? { type: 'succeeded', message: value } : { type: 'errored', error: value };
}

function notRun({ state, inputFaults }: Batch): object {
  if (state === 'expired') return { type: 'expired' };
  if (state === 'cancelled') return { type: 'canceled' };
  const error = { type: 'invalid_request_error', message: inputFaults[0]?.message ?? 'The batch failed.' };
  return { type: 'errored', error: { type: 'error', error, request_id: null } };
}
