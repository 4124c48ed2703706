// How one line ended, and the line that says so in the output or the error file.
// Wire facts: docs/reference/openai-batch.md section 2, "Output and error files".

export type LineResult =
  /** What the endpoint would have answered: a status and a body, good or bad. */
  | { kind: 'answered'; requestId: string; status: number; body: Buffer }
  /** Its time was over, or its batch was cancelled, before there was an answer. */
  | { kind: 'expired' }
  | { kind: 'cancelled' };

/** Failure is read from the status: `error` is null even then (openai/openai-openapi#302). */
export function isSuccess(result: LineResult): boolean {
  return result.kind === 'answered' && result.status < 300;
}

const NOT_RUN = {
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: { code: 'batch_cancelled', message: 'This request was not executed: its batch was cancelled.' },
};

const LINE_END = Buffer.from('},"error":null}\n');

/** @param lineId of lines that never had a request: their own number in the batch. */
export function encodeResult(customId: string, result: LineResult, lineId: string): Buffer {
  if (result.kind !== 'answered') {
    const error = NOT_RUN[result.kind];
    return Buffer.from(
      `${JSON.stringify({ id: `batch_req_${lineId}`, custom_id: customId, response: null, error })}\n`,
    );
  }
  const { requestId, status, body } = result;
  const head = `{"id":"batch_req_${requestId.slice('req_'.length)}","custom_id":${JSON.stringify(customId)},"response":{"status_code":${status},"request_id":"${requestId}","body":`;
  return Buffer.concat([Buffer.from(head), onOneLine(body), LINE_END]);
}

/** Providers print JSON over several lines. A raw line break in JSON is white space between values, never part of one. */
function onOneLine(json: Buffer): Buffer {
  if (!json.includes(0x0a) && !json.includes(0x0d)) return json;
  return Buffer.from(json.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)));
}
