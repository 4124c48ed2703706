// Reads a streaming or whole answer of any protocol: text, reasoning, tool calls.
import type { Protocol } from '../parts/snippets.ts';

export interface Answer {
  text: string;
  thoughts: string;
  calls: string[];
  /** The raw answer. */
  raw: string;
  error: string | null;
}

export const NO_ANSWER: Answer = { text: '', thoughts: '', calls: [], raw: '', error: null };

/** Bound on the text that is kept. */
const MAX_RAW = 2_000_000;

export class AnswerReader {
  readonly #protocol: Protocol;
  readonly #calls = new Map<string, { name: string; input: string }>();
  #answer = NO_ANSWER;
  #rest = '';

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  /** The body of an unstreamed answer. */
  readWhole(text: string): Answer {
    this.#answer = { ...this.#answer, raw: pretty(text) };
    this.#take(parse(text));
    return this.#shown();
  }

  /** A chunk of an event stream. */
  readPiece(text: string): Answer {
    this.#answer = { ...this.#answer, raw: (this.#answer.raw + text).slice(0, MAX_RAW) };
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data:')) this.#take(parse(line.slice(5)));
    return this.#shown();
  }

  #shown(): Answer {
    const calls = [...this.#calls.values()].map(({ name, input }) => `${name}(${input})`);
    return { ...this.#answer, calls };
  }

  #take(event: Json | null): void {
    if (event === null) return;
    const error = event.error as { message?: string } | null | undefined;
    if (typeof error === 'object' && error !== null)
      this.#answer = { ...this.#answer, error: error.message ?? JSON.stringify(error) };
    READERS[this.#protocol](event, {
      text: (text) => {
        this.#answer = { ...this.#answer, text: this.#answer.text + text };
      },
      thought: (text) => {
        this.#answer = { ...this.#answer, thoughts: this.#answer.thoughts + text };
      },
      call: (id, name, input) => {
        const before = this.#calls.get(id) ?? { name: '', input: '' };
        this.#calls.set(id, { name: before.name || name, input: before.input + input });
      },
    });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: events of four protocols, read with care and shown as text
type Json = Record<string, any>;

interface Sink {
  text(text: string): void;
  thought(text: string): void;
  call(id: string, name: string, input: string): void;
}

const READERS: Record<Protocol, (event: Json, sink: Sink) => void> = {
  'openai-chat': readChat,
  'openai-responses': readResponses,
  'anthropic-messages': readMessages,
  'gemini-generate-content': readGemini,
};

function readChat(event: Json, sink: Sink): void {
  const part: Json = event.choices?.[0]?.delta ?? event.choices?.[0]?.message ?? {};
  sink.text(textOf(part.content));
  sink.thought(textOf(part.reasoning_content ?? part.reasoning));
  for (const [index, call] of (part.tool_calls ?? []).entries()) {
    sink.call(String(call.index ?? index), textOf(call.function?.name), textOf(call.function?.arguments));
  }
}

function readResponses(event: Json, sink: Sink): void {
  if (event.type === 'response.output_text.delta') sink.text(textOf(event.delta));
  if (event.type === 'response.reasoning_summary_text.delta') sink.thought(textOf(event.delta));
  if (event.type === 'response.output_item.added' && event.item?.type === 'function_call')
    sink.call(event.item.id, event.item.name, '');
  if (event.type === 'response.function_call_arguments.delta') sink.call(event.item_id, '', textOf(event.delta));
  if (event.object !== 'response') return;
  for (const item of event.output ?? []) {
    if (item.type === 'function_call') sink.call(item.id, item.name, item.arguments);
    for (const part of item.content ?? []) sink.text(textOf(part.text));
    for (const part of item.summary ?? []) sink.thought(textOf(part.text));
  }
}

function readMessages(event: Json, sink: Sink): void {
  const block: Json | undefined = event.content_block;
  if (event.type === 'content_block_start' && block?.type === 'tool_use')
    sink.call(String(event.index), block.name, '');
  sink.text(textOf(event.delta?.text));
  sink.thought(textOf(event.delta?.thinking));
  if (event.delta?.partial_json !== undefined) sink.call(String(event.index), '', event.delta.partial_json);
  if (event.type !== 'message') return;
  for (const [index, part] of (event.content ?? []).entries()) {
    if (part.type === 'tool_use') sink.call(String(index), part.name, JSON.stringify(part.input));
    sink.text(textOf(part.text));
    sink.thought(textOf(part.thinking));
  }
}

function readGemini(event: Json, sink: Sink): void {
  for (const [index, part] of (event.candidates?.[0]?.content?.parts ?? []).entries()) {
    if (part.functionCall !== undefined)
      sink.call(
        `${part.functionCall.name}${index}`,
        part.functionCall.name,
        JSON.stringify(part.functionCall.args ?? {}),
      );
    else if (part.thought === true) sink.thought(textOf(part.text));
    else sink.text(textOf(part.text));
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? (value as Json | null) : null;
  } catch {
    return null;
  }
}

function pretty(text: string): string {
  const value = parse(text);
  return value === null ? text : JSON.stringify(value, null, 2);
}
