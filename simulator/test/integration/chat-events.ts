// Reads a streamed chat answer, also an incomplete one.
import { SseSplitter } from '../../../src/protocols/wire/sse-splitter.ts';

export interface Chunk {
  id: string;
  object: string;
  model: string;
  created: number;
  choices: { index: number; delta: Delta; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
  error?: { type: string };
}

interface Delta {
  role?: string;
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string;
  tool_calls?: {
    index: number;
    id?: string;
    type?: string;
    function?: { name?: string; arguments?: string };
    custom?: { name?: string; input?: string };
  }[];
}

/** The data of every event, `[DONE]` included, for any split of the bytes. */
export function eventsOf(pieces: readonly Buffer[]): string[] {
  const splitter = new SseSplitter();
  return pieces.flatMap((piece) => splitter.push(piece)).flatMap(({ data }) => (data === null ? [] : [data]));
}

export function chunksOf(pieces: readonly Buffer[]): Chunk[] {
  return eventsOf(pieces)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Chunk);
}

export function contentOf(chunks: readonly Chunk[], choice = 0): string {
  return chunks
    .flatMap(({ choices }) => choices ?? [])
    .filter(({ index }) => index === choice)
    .map(({ delta }) => delta.content ?? '')
    .join('');
}
