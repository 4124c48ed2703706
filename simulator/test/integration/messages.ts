// Asking in Anthropic's protocol, and reading its streams as far as they go.
import { SseSplitter } from '../../../src/protocols/wire/sse-splitter.ts';
import type { Simulator } from '../../src/simulator.ts';
import { ask, type Heard, type Wanted } from './client.ts';

export const VERSION = { 'anthropic-version': '2023-06-01' };

/** Body of a Messages request with one user message. */
export function message(content: unknown, more: object = {}) {
  return { model: 'claude-sonnet-4-5', max_tokens: 4_096, messages: [{ role: 'user', content }], ...more };
}

export function messagesRequest(body: unknown, headers: Record<string, string> = {}): Wanted {
  return { path: '/v1/messages', body, headers: { ...VERSION, ...headers } };
}

export function askMessages(simulator: Simulator, body: unknown, headers?: Record<string, string>): Promise<Heard> {
  return ask(simulator, messagesRequest(body, headers));
}

export interface MessageEvent {
  type: string;
  index?: number;
  message?: { content: unknown[]; usage: Record<string, unknown> } & Record<string, unknown>;
  content_block?: { type: string } & Record<string, unknown>;
  delta?: Record<string, unknown> & { type?: string; text?: string; thinking?: string };
  usage?: Record<string, unknown>;
  error?: { type: string; message: string };
}

/** Every event that is JSON; the name of each must equal its type. */
export function messageEventsOf(pieces: readonly Buffer[]): MessageEvent[] {
  const splitter = new SseSplitter();
  return pieces
    .flatMap((piece) => splitter.push(piece))
    .flatMap(({ name, data }) => {
      if (data === null) return [];
      const event = JSON.parse(data) as MessageEvent;
      if (event.type !== name) throw new Error(`the event "${name}" has the type "${event.type}"`);
      return [event];
    });
}

export function textOfEvents(events: readonly MessageEvent[]): string {
  return events.map(({ delta }) => delta?.text ?? '').join('');
}

/** The blocks that a client puts together, tool input parsed. */
export function blocksOfEvents(events: readonly MessageEvent[]): Record<string, unknown>[] {
  const blocks: Record<string, unknown>[] = [];
  const inputs: string[] = [];
  for (const { type, index, content_block: block, delta } of events) {
    if (type === 'content_block_start') blocks[index!] = { ...block };
    if (type !== 'content_block_delta') continue;
    const { type: _, partial_json: json, ...members } = delta!;
    for (const [name, text] of Object.entries(members)) blocks[index!]![name] = `${blocks[index!]![name]}${text}`;
    if (json !== undefined) inputs[index!] = (inputs[index!] ?? '') + json;
  }
  for (const [index, input] of inputs.entries()) if (input) blocks[index]!.input = JSON.parse(input);
  return blocks;
}
