// A streamed chat answer as its client reads it. A separate, simple parser, so that it does not share a fault with the
// broker's.

export interface ChatStream {
  /** Text of the first choice so far. */
  content: string;
  /** Of the simulator's tokens, which have four bytes each. */
  tokens: number;
  finishReason: string | null;
  usage: { prompt_tokens: number; completion_tokens: number; cost?: number } | null;
  /** The explicit error event. */
  error: { message: string; type: string; code: string | null } | null;
  isDone: boolean;
  /** Ids of the events, in their order. */
  ids: string[];
}

const BYTES_PER_TOKEN = 4;

/** Of the complete events so far. */
export function readChatStream(text: string): ChatStream {
  const stream: ChatStream = {
    content: '',
    tokens: 0,
    finishReason: null,
    usage: null,
    error: null,
    isDone: false,
    ids: [],
  };
  for (const event of text.split(/\r?\n\r?\n/).slice(0, -1)) readEvent(stream, event.split(/\r?\n/));
  stream.tokens = Math.ceil(Buffer.byteLength(stream.content) / BYTES_PER_TOKEN);
  return stream;
}

function readEvent(stream: ChatStream, lines: string[]): void {
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = field('data');
  if (data === undefined) return;
  const id = field('id');
  if (id !== undefined) stream.ids.push(id);
  if (data === '[DONE]') stream.isDone = true;
  else readChunk(stream, JSON.parse(data));
}

function readChunk(stream: ChatStream, chunk: Record<string, unknown>): void {
  const choices = (chunk.choices ?? []) as { delta?: { content?: string }; finish_reason?: string | null }[];
  stream.content += choices[0]?.delta?.content ?? '';
  stream.finishReason ??= choices[0]?.finish_reason ?? null;
  stream.usage = (chunk.usage as ChatStream['usage']) ?? stream.usage;
  stream.error = (chunk.error as ChatStream['error']) ?? stream.error;
}
