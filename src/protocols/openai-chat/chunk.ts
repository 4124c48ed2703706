// The members of a chat completion (chunk) that the broker reads. All optional: vendors leave out what they like.

export interface ChatDelta {
  content?: unknown;
  reasoning_content?: unknown;
  reasoning?: unknown;
  refusal?: unknown;
  tool_calls?: { function?: { name?: unknown; arguments?: unknown } }[] | null;
}

export interface ChatChunk {
  id?: string;
  created?: number;
  model?: string;
  error?: unknown;
  usage?: unknown;
  choices?:
    | { index?: number; delta?: ChatDelta | null; message?: ChatDelta | null; finish_reason?: string | null }[]
    | null;
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value === null || value === undefined ? 0 : JSON.stringify(value).length;
}

/** Bytes of generated text in a delta or message: what an estimate of output tokens counts. */
export function deltaBytes(delta: ChatDelta | null | undefined): number {
  if (!delta) return 0;
  let bytes = bytesOf(delta.content) + bytesOf(delta.reasoning_content ?? delta.reasoning) + bytesOf(delta.refusal);
  for (const call of delta.tool_calls ?? []) bytes += bytesOf(call.function?.name) + bytesOf(call.function?.arguments);
  return bytes;
}
