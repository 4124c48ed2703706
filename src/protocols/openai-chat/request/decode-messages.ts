// A client's messages as canonical turns.
import type {
  Part,
  ReasoningPart,
  Role,
  ToolCallPart,
  ToolResultPart,
  Turn,
} from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  defined,
  invalid,
  missing,
  objectEntries,
  optionalObject,
  optionalText,
  requiredObject,
  requiredText,
} from '#src/protocols/openai/request-fields.ts';
import { decodeImages } from '../answer/answer-parts.ts';
import { isEmptyCall, readCall } from '../chunk.ts';
import { decodeExtraContent, decodeReasoningDetails } from '../signatures.ts';
import { decodeBreakpoint, decodeContent } from './decode-parts.ts';

export interface DecodedMessages {
  turns: Turn[];
  /** Members that no other protocol has, by their path. */
  unmapped: JsonObject;
}

export function decodeMessages(messages: unknown): DecodedMessages {
  const reader = new MessageReader();
  for (const { item, at } of objectEntries(messages, 'messages')) reader.read(item, at);
  return { turns: reader.turns, unmapped: reader.unmapped };
}

class MessageReader {
  readonly turns: Turn[] = [];
  readonly unmapped: JsonObject = {};
  /** Names of tools by call id, because results have no name, which Gemini requires. */
  readonly #names = new Map<string, string>();
  #lastCallId = '';

  read(message: JsonObject, at: string): void {
    switch (message.role) {
      case 'system':
      case 'developer':
      case 'user':
        return this.#add(message.role, this.#spoken(message, at), message, at);
      case 'assistant':
        return this.#readAssistant(message, at);
      case 'tool':
        return this.#addResult(requiredText(message.tool_call_id, `${at}.tool_call_id`), message, at);
      // The older form has no ids: a result answers the call before it.
      case 'function':
        return this.#addResult(this.#lastCallId, message, at);
      case undefined:
        throw missing(`${at}.role`);
      default:
        throw invalid(`${at}.role`, `'${String(message.role)}' is not one of system, developer, user, assistant, tool`);
    }
  }

  #add(role: Role, parts: Part[], message: JsonObject, at: string): void {
    const last = parts.at(-1);
    if (last === undefined) return;
    Object.assign(last, decodeBreakpoint(message, at));
    const name = optionalText(message.name, `${at}.name`);
    this.turns.push({ role, parts, ...(name === undefined ? {} : { name }) });
  }

  #spoken(message: JsonObject, at: string): Part[] {
    if (message.content === undefined || message.content === null) throw missing(`${at}.content`);
    return decodeContent(message.content, `${at}.content`);
  }

  #readAssistant(message: JsonObject, at: string): void {
    const said = decodeContent(message.content, `${at}.content`).filter((part) => !isEmptyText(part));
    const refusal = optionalText(message.refusal, `${at}.refusal`) ?? '';
    const parts: Part[] = [...thoughts(message, at), ...said, ...decodeImages(message.images)];
    if (refusal !== '') parts.push({ kind: 'refusal', text: refusal });
    this.#sign(parts, message);
    parts.push(...this.#calls(message, at));
    // The audio of an earlier answer, by its provider's id.
    if (message.audio !== undefined && message.audio !== null) this.unmapped[`${at}.audio`] = message.audio;
    this.#add('assistant', parts, message, at);
  }

  /** Google's endpoint signs the text of a message in a member of the message. */
  #sign(parts: readonly Part[], message: JsonObject): void {
    const signature = decodeExtraContent(message.extra_content);
    const text = parts.findLast((part) => part.kind === 'text');
    if (signature !== undefined && text !== undefined) text.signature = signature;
  }

  #calls(message: JsonObject, at: string): ToolCallPart[] {
    const calls = objectEntries(message.tool_calls, `${at}.tool_calls`)
      .filter(({ item }) => !isEmptyCall(readCall(item)))
      .map(({ item, at: place }) => decodeCall(item, place));
    const older = optionalObject(message.function_call, `${at}.function_call`);
    // Clients send back an empty one if a provider puts it into every answer.
    if (older !== undefined && !isEmptyCall(readCall({ function: older })))
      calls.push(olderCall(older, `${at}.function_call`));
    for (const { id, name } of calls) {
      this.#names.set(id, name);
      this.#lastCallId = id;
    }
    return calls;
  }

  /** Consecutive results are one turn. */
  #addResult(callId: string, message: JsonObject, at: string): void {
    const name = this.#names.get(callId) ?? optionalText(message.name, `${at}.name`);
    const parts = decodeContent(message.content, `${at}.content`) as ToolResultPart['parts'];
    const wrong = parts.findIndex(({ kind }) => kind !== 'text' && kind !== 'image' && kind !== 'document');
    if (wrong >= 0) throw invalid(`${at}.content[${wrong}].type`, 'a tool result can only have text, images and files');
    const result: ToolResultPart = {
      ...defined({ kind: 'tool-result', callId, name, parts }),
      ...decodeBreakpoint(message, at),
    };
    const last = this.turns.at(-1);
    if (last?.role === 'user' && last.parts.every(({ kind }) => kind === 'tool-result')) last.parts.push(result);
    else this.turns.push({ role: 'user', parts: [result] });
  }
}

function isEmptyText(part: Part): boolean {
  return part.kind === 'text' && part.text === '';
}

/** With signatures if the client kept them, otherwise only the text. */
function thoughts(message: JsonObject, at: string): ReasoningPart[] {
  const detailed = decodeReasoningDetails(message.reasoning_details);
  if (detailed.length > 0) return detailed;
  const text =
    optionalText(message.reasoning_content, `${at}.reasoning_content`) ??
    optionalText(message.reasoning, `${at}.reasoning`) ??
    '';
  return text === '' ? [] : [{ kind: 'reasoning', text }];
}

function decodeCall(call: JsonObject, at: string): ToolCallPart {
  const isCustom = call.type === 'custom';
  const body = requiredObject(isCustom ? call.custom : call.function, `${at}.${isCustom ? 'custom' : 'function'}`);
  const where = `${at}.${isCustom ? 'custom' : 'function'}`;
  return defined({
    kind: 'tool-call',
    id: requiredText(call.id, `${at}.id`),
    name: requiredText(body.name, `${where}.name`),
    arguments: isCustom
      ? requiredText(body.input, `${where}.input`)
      : (optionalText(body.arguments, `${where}.arguments`) ?? ''),
    isCustom: isCustom ? true : undefined,
    signature: decodeExtraContent(call.extra_content),
  });
}

/** Other protocols require an id; derived from the position, so that it is stable across requests. */
function olderCall(call: JsonObject, at: string): ToolCallPart {
  return {
    kind: 'tool-call',
    id: `call_${at.replace(/\D/g, '')}`,
    name: requiredText(call.name, `${at}.name`),
    arguments: optionalText(call.arguments, `${at}.arguments`) ?? '',
  };
}
