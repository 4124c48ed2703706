// Turns in the order that Anthropic requires: the system prompt apart, alternating roles, tool results right after their calls.
import type { Part, Turn } from '#src/contracts/inference-request.ts';
import { asText } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { Encoding, ModelTraits } from '#src/protocols/anthropic-messages/models.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { encodePart } from './encode-blocks.ts';

export interface Conversation {
  system: JsonObject[];
  messages: Message[];
}

export function encodeConversation(turns: readonly Turn[], traits: ModelTraits, encoding: Encoding): Conversation {
  const encoded = mergeRoles(
    moveDrawings(turns)
      .map((turn) => encodeTurn(turn, encoding))
      .filter(({ content }) => content.length > 0),
  );
  const conversation = hoistSystem(encoded, traits);
  if (conversation.messages.length === 0) return askSystem(conversation, encoding);
  const messages = pairToolCalls(mergeRoles(conversation.messages), encoding);
  checkLast(messages, traits, encoding);
  return { system: conversation.system, messages };
}

function encodeTurn({ role, parts }: Turn, encoding: Encoding): Message {
  const isSystem = role === 'system' || role === 'developer';
  const content = parts.flatMap((part) => encodePart(part, role, encoding));
  if (isSystem && content.some(({ type }) => type !== 'text')) {
    encoding.refuse('messages', 'accepts only text in the system prompt');
  }
  return { role: isSystem ? 'system' : role, content };
}

/**
 * Moves system messages into the system prompt, as Anthropic's own OpenAI endpoint does, except those that newer models accept
 * in place: after a user turn, and before an assistant turn or at the end.
 */
function hoistSystem(messages: readonly Message[], { takesSystemTurns }: ModelTraits): Conversation {
  const system: JsonObject[] = [];
  const kept = messages.filter((message, index) => {
    if (message.role !== 'system') return true;
    const next = messages[index + 1]?.role ?? 'assistant';
    if (takesSystemTurns && messages[index - 1]?.role === 'user' && next === 'assistant') return true;
    system.push(...message.content);
    return false;
  });
  return { system, messages: kept };
}

/** OpenAI's models answer a lone system message; Anthropic needs a user message. */
function askSystem({ system }: Conversation, encoding: Encoding): Conversation {
  if (system.length === 0) encoding.refuse('messages', 'requires a message that is not empty');
  return { system: [], messages: [{ role: 'user', content: system }] };
}

/** Newer models refuse to continue an assistant turn. Older ones refuse trailing white space in it, which is removed. */
function checkLast(messages: readonly Message[], { takesPrefill }: ModelTraits, encoding: Encoding): void {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return;
  if (!takesPrefill) {
    encoding.refuse(
      'messages',
      'has a model that cannot continue an assistant message: the last message must have the role user',
    );
  }
  const block = last.content.at(-1);
  if (block?.type === 'text') block.text = asText(block.text).trimEnd();
}

// A message for Anthropic.

interface Message {
  role: 'user' | 'assistant' | 'system';
  content: JsonObject[];
}

/** Merges consecutive messages of one role, as Anthropic itself does. */
function mergeRoles(messages: readonly Message[]): Message[] {
  const merged: Message[] = [];
  for (const { role, content } of messages) {
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else merged.push({ role, content: [...content] });
  }
  return merged;
}

// Images and documents in an assistant's turn, from other providers' models. Anthropic accepts them only from the user, so they
// move to the next user turn.

const INTRODUCTION: Part = { kind: 'text', text: 'Made by the assistant:' };

function moveDrawings(turns: readonly Turn[]): Turn[] {
  if (!turns.some((turn) => turn.role === 'assistant' && turn.parts.some(isDrawing))) return [...turns];
  const moved: Turn[] = [];
  let drawn: Part[] = [];
  for (const turn of turns) {
    if (turn.role === 'assistant') {
      drawn.push(...turn.parts.filter(isDrawing));
      moved.push({ ...turn, parts: turn.parts.filter((part) => !isDrawing(part)) });
    } else if (turn.role === 'user' && drawn.length > 0) {
      moved.push({ ...turn, parts: [INTRODUCTION, ...drawn, ...turn.parts] });
      drawn = [];
    } else moved.push(turn);
  }
  return drawn.length === 0 ? moved : [...moved, { role: 'user', parts: [INTRODUCTION, ...drawn] }];
}

function isDrawing({ kind }: Part): boolean {
  return kind === 'image' || kind === 'document';
}

// Every tool call must be answered in the next user turn, before other content (docs/reference/anthropic-messages.md section 2).
// Ids are made unique: providers that count from 0 in every answer repeat them, which Anthropic refuses.

/** Calls that wait for their results: original id → ids on the wire, in order. */
type OpenCalls = Map<string, string[]>;

function pairToolCalls(messages: readonly Message[], encoding: Encoding): Message[] {
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
      `requires the call of every tool result in the turn before it; '${callId}' has none there`,
    );
  }
  return { ...result, tool_use_id: wireId ?? callId };
}

function expectAnswered(open: OpenCalls, encoding: Encoding): void {
  for (const [callId, waiting] of open) {
    if (waiting.length === 0) continue;
    encoding.refuse(
      'messages',
      `requires the result of every tool call in the turn after it; '${callId}' has none there`,
    );
  }
}

function register(call: JsonObject, open: OpenCalls, used: Set<string>): JsonObject {
  const callId = asText(call.id);
  const wireId = unusedId(callId || 'call', used);
  used.add(wireId);
  open.set(callId, [...(open.get(callId) ?? []), wireId]);
  return { ...call, id: wireId };
}

/** Deterministic, so that ids stay the same as the conversation grows and a cached prefix stays valid. */
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
