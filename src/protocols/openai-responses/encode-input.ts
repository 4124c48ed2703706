// Turns as input items.
import type { Part, ReasoningPart, ToolCallPart, ToolResultPart, Turn } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { type ContentPart, encodeContent, encodeContentPart, isContentPart } from './encode-content.ts';
import { reasoningItem } from './reasoning-item.ts';

export function encodeInput(turns: readonly Turn[]): JsonObject[] {
  const customCalls = new Set(turns.flatMap((turn) => turn.parts.flatMap(customCallId)));
  return turns.flatMap((turn) => encodeTurn(turn, customCalls));
}

function customCallId(part: Part): string[] {
  return part.kind === 'tool-call' && part.isCustom === true ? [part.id] : [];
}

/** Content that stands together is one message; calls, results and reasoning are items of their own, where they stood. */
function encodeTurn(turn: Turn, customCalls: ReadonlySet<string>): JsonObject[] {
  const items: JsonObject[] = [];
  let content: ContentPart[] = [];
  const flush = (): void => {
    items.push(...encodeMessages(turn, content));
    content = [];
  };
  for (const part of turn.parts) {
    if (isContentPart(part)) {
      content.push(part);
      continue;
    }
    flush();
    items.push(...encodeItem(part, customCalls));
  }
  flush();
  return items;
}

function encodeItem(
  part: ReasoningPart | ToolCallPart | ToolResultPart,
  customCalls: ReadonlySet<string>,
): JsonObject[] {
  switch (part.kind) {
    case 'reasoning':
      return encodeReasoning(part);
    case 'tool-call':
      return [encodeCall(part)];
    case 'tool-result':
      return [encodeResult(part, customCalls.has(part.callId))];
  }
}

function encodeMessages({ role }: Turn, content: readonly ContentPart[]): JsonObject[] {
  if (role === 'assistant') return content.flatMap(encodeSpoken);
  const isEmpty = content.every((part) => part.kind === 'text' && part.text === '');
  return isEmpty ? [] : [{ role, content: encodeContent(content) }];
}

/**
 * What the model said goes back as plain text: `output_text` parts belong to stored messages, with ids that a stateless
 * conversation has not. Images that it made are shown to it by the user.
 */
function encodeSpoken(part: ContentPart): JsonObject[] {
  if (part.kind === 'text' || part.kind === 'refusal') {
    return part.text === '' ? [] : [{ role: 'assistant', content: part.text }];
  }
  return [{ role: 'user', content: [encodeContentPart(part)] }];
}

/** Reasoning is of use only to the provider that can read its signature. */
function encodeReasoning({ signature, text, id }: ReasoningPart): JsonObject[] {
  if (signature?.origin !== 'openai-responses') return [];
  const { id: _, ...item } = reasoningItem('', text, signature.value);
  return [id === undefined ? item : { id, ...item }];
}

function encodeCall({ id, name, namespace, arguments: input, isCustom }: ToolCallPart): JsonObject {
  const call = { call_id: id, name, ...(namespace === undefined ? {} : { namespace }) };
  if (isCustom === true) return { type: 'custom_tool_call', ...call, input };
  return { type: 'function_call', ...call, arguments: input === '' ? '{}' : input };
}

function encodeResult({ callId, parts }: ToolResultPart, isCustom: boolean): JsonObject {
  const type = isCustom ? 'custom_tool_call_output' : 'function_call_output';
  return { type, call_id: callId, output: encodeContent(parts) };
}
