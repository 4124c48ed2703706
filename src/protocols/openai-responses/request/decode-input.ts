// Input items as turns. Items of the assistant that follow each other (reasoning, text, calls) are one turn; so are the
// outputs of calls.
import { z } from 'zod';
import { createFailure, FailureError } from '#src/contracts/failure.ts';
import type { Part, Role, ToolCallPart, Turn } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { paramOf, parseMember } from '#src/protocols/openai/request-fields.ts';
import { standardBase64 } from '#src/protocols/wire/base64.ts';
import { present, textOf } from '#src/protocols/wire/loose-json.ts';
import { decodeReasoningItem } from '../reasoning.ts';
import { builtInOfItem, type DeclaredTool } from './built-in-tools.ts';
import { decodeContent, decodeOutput } from './decode-content.ts';

type Path = readonly PropertyKey[];

export interface DecodedInput {
  turns: Turn[];
  /** Omitted items, by kind: traces of hosted tools. */
  passedOver: Record<string, unknown>;
}

interface Conversation extends DecodedInput {
  toolNames: Map<string, string>;
  declared: readonly DeclaredTool[];
}

export function decodeInput(
  input: string | readonly JsonObject[],
  declared: readonly DeclaredTool[] = [],
): DecodedInput {
  if (typeof input === 'string') {
    return { turns: [{ role: 'user', parts: [{ kind: 'text', text: input }] }], passedOver: {} };
  }
  const conversation: Conversation = { turns: [], passedOver: {}, toolNames: new Map(), declared };
  for (const [index, item] of input.entries()) addItem(conversation, item, ['input', index]);
  const { turns, passedOver } = conversation;
  return { turns: turns.filter((turn) => turn.parts.length > 0), passedOver };
}

function addItem(conversation: Conversation, item: JsonObject, path: Path): void {
  switch (item.type) {
    case undefined:
    case null:
    case 'message':
      return addMessage(conversation, item, path);
    case 'function_call':
      return addCall(conversation, parseMember(functionCall, item, path));
    case 'custom_tool_call':
      return addCall(conversation, { ...parseMember(customCall, item, path), isCustom: true });
    case 'function_call_output':
    case 'custom_tool_call_output':
      return addOutput(conversation, item, path);
    case 'reasoning':
      return decodeReasoningItem(assistantParts(conversation), item);
    case 'image_generation_call':
      return addImage(conversation, item);
    default:
      return addOther(conversation, item, path);
  }
}

const message = z.looseObject({
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))], {
    error: 'expected a string or an array of content parts',
  }),
});

function addMessage(conversation: Conversation, item: JsonObject, path: Path): void {
  const { role, content } = parseMember(message, item, path);
  const parts = decodeContent(content, [...path, 'content']);
  if (role === 'assistant') assistantParts(conversation).push(...parts);
  else addTurn(conversation, role, parts);
}

const callId = z.string().min(1);
const namespace = z.string().nullish();
const functionCall = z
  .looseObject({ call_id: callId, name: z.string().min(1), namespace, arguments: z.string() })
  .transform((call) => ({ ...named(call), arguments: call.arguments }));
const customCall = z
  .looseObject({ call_id: callId, name: z.string().min(1), namespace, input: z.string() })
  .transform((call) => ({ ...named(call), arguments: call.input }));

function named(call: { call_id: string; name: string; namespace?: string | null | undefined }) {
  return { id: call.call_id, name: call.name, ...present({ namespace: call.namespace || null }) };
}

function addCall(conversation: Conversation, call: Omit<ToolCallPart, 'kind'>): void {
  conversation.toolNames.set(call.id, call.name);
  assistantParts(conversation).push({ kind: 'tool-call', ...call });
}

const callOutput = z.looseObject({ call_id: callId, name: z.string().nullish() });

function addOutput(conversation: Conversation, item: JsonObject, path: Path): void {
  const { call_id: id, name: ownName } = parseMember(callOutput, item, path);
  const name = conversation.toolNames.get(id) ?? ownName;
  const parts = decodeOutput(item.output, [...path, 'output']);
  resultParts(conversation).push({ kind: 'tool-result', callId: id, parts, ...present({ name }) });
}

/** An image of an earlier answer, as written by encodeImageItem. */
function addImage(conversation: Conversation, item: JsonObject): void {
  if (typeof item.result !== 'string') return;
  const mediaType = `image/${typeof item.output_format === 'string' ? item.output_format : 'png'}`;
  assistantParts(conversation).push({
    kind: 'image',
    source: { kind: 'base64', mediaType, data: standardBase64(item.result) },
  });
}

/** Traces of hosted tools; their results are in the messages. */
const TRACES = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'mcp_list_tools',
  'mcp_call',
  'tool_search_call',
  'tool_search_output',
]);

/** Calls and outputs of built-in tools that the client runs. Older items use the call's id as their own. */
function addBuiltIn(conversation: Conversation, { tool, isOutput }: BuiltInItem, item: JsonObject): void {
  const id = textOf(item.call_id) || textOf(item.id);
  const name = conversation.declared.find(({ builtIn }) => builtIn === tool)?.definition.name ?? tool.type;
  if (!isOutput) return addCall(conversation, { id, name, arguments: JSON.stringify(tool.toArguments(item)) });
  const parts = [{ kind: 'text' as const, text: tool.outputText(item) }];
  resultParts(conversation).push({ kind: 'tool-result', callId: id, name, parts });
}

type BuiltInItem = NonNullable<ReturnType<typeof builtInOfItem>>;

function addOther(conversation: Conversation, item: JsonObject, path: Path): void {
  const type = String(item.type);
  const builtIn = textOf(item.call_id) || textOf(item.id) ? builtInOfItem(item) : null;
  if (builtIn !== null) return addBuiltIn(conversation, builtIn, item);
  // Its tools are declared together with the others (tool-list.ts).
  if (type === 'additional_tools') return;
  if (TRACES.has(type)) {
    conversation.passedOver[`input.${type}`] = true;
    return;
  }
  const param = paramOf(path);
  const cure =
    type === 'item_reference'
      ? 'the item is not stored here, send the item itself'
      : 'only OpenAI supports it, use an OpenAI model or leave it out';
  throw new FailureError(
    createFailure('parameter_unsupported', `'${param}' is of type '${type}': ${cure}.`, { param }),
  );
}

function addTurn(conversation: Conversation, role: Role, parts: Part[]): Part[] {
  conversation.turns.push({ role, parts });
  return parts;
}

function assistantParts(conversation: Conversation): Part[] {
  const last = conversation.turns.at(-1);
  return last?.role === 'assistant' ? last.parts : addTurn(conversation, 'assistant', []);
}

function resultParts(conversation: Conversation): Part[] {
  const last = conversation.turns.at(-1);
  return last?.parts.at(-1)?.kind === 'tool-result' ? last.parts : addTurn(conversation, 'user', []);
}
