// Every tool call is answered in the very next user turn, and the answers stand first in it
// (docs/reference/anthropic-messages.md section 2). Ids are told apart: providers that count from 0 in every answer repeat
// them, which Anthropic refuses.
import type { JsonObject } from '../codec.ts';
import type { Encoding } from './encoding.ts';
import { asText } from './loose-json.ts';
import type { Message } from './message.ts';

/** Calls that wait for their results: original id → ids on the wire, in order. */
type OpenCalls = Map<string, string[]>;

export function pairToolCalls(messages: readonly Message[], encoding: Encoding): Message[] {
  const used = new Set<string>();
  let open: OpenCalls = new Map();
  const paired = messages.map(({ role, content }): Message => {
    const answered = content.map((block) => (block.type === 'tool_result' ? answer(block, open, encoding) : block));
    expectAnswered(open, encoding);
    open = new Map();
    const named = answered.map((block) => (block.type === 'tool_use' ? register(block, open, used) : block));
    return { role, content: resultsFirst(named) };
  });
  expectAnswered(open, encoding);
  return paired;
}

function answer(result: JsonObject, open: OpenCalls, encoding: Encoding): JsonObject {
  const callId = asText(result.tool_use_id);
  const wireId = open.get(callId)?.shift();
  if (wireId === undefined) {
    encoding.refuse(
      'messages',
      `needs the call of every tool result in the turn before it; '${callId}' has none there`,
    );
  }
  return { ...result, tool_use_id: wireId ?? callId };
}

function expectAnswered(open: OpenCalls, encoding: Encoding): void {
  for (const [callId, waiting] of open) {
    if (waiting.length === 0) continue;
    encoding.refuse('messages', `needs the result of every tool call in the turn after it; '${callId}' has none there`);
  }
}

function register(call: JsonObject, open: OpenCalls, used: Set<string>): JsonObject {
  const callId = asText(call.id);
  const wireId = unusedId(callId || 'call', used);
  used.add(wireId);
  open.set(callId, [...(open.get(callId) ?? []), wireId]);
  return { ...call, id: wireId };
}

/** The same for the same conversation, however long it grows: a prefix that is cached stays the same. */
function unusedId(id: string, used: ReadonlySet<string>): string {
  if (!used.has(id)) return id;
  let ordinal = 2;
  while (used.has(`${id}-${ordinal}`)) ordinal++;
  return `${id}-${ordinal}`;
}

function resultsFirst(content: readonly JsonObject[]): JsonObject[] {
  const isResult = ({ type }: JsonObject) => type === 'tool_result';
  return [...content.filter(isResult), ...content.filter((block) => !isResult(block))];
}
