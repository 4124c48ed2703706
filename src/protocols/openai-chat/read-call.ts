// One tool call of a delta or a message, whichever provider wrote it: OpenAI's shape with members missing, arguments as an
// object in place of JSON text, a custom tool's input, the older `function_call`.
import type { Signature } from '../../contracts/inference-request.ts';
import { type ChatDelta, type ChatToolCall, objectsIn } from './chunk.ts';
import { decodeExtraContent } from './thought-signature.ts';

export interface ReadCall {
  /** Null where the provider gives none that could be one. */
  index: number | null;
  /** Empty where the provider gives none; Google's own OpenAI endpoint writes "". */
  id: string;
  name: string;
  arguments: string;
  isCustom: boolean;
  signature?: Signature;
}

/** Without those that say nothing: Snowflake puts a `function_call` of empty members into every answer (November 2026). */
export function readCalls(delta: ChatDelta): ReadCall[] {
  const calls = objectsIn(delta.tool_calls).map(readCall);
  const older = delta.function_call;
  const all = typeof older === 'object' && older !== null ? [...calls, readCall({ function: older })] : calls;
  return all.filter((call) => !isEmptyCall(call));
}

/** In a stream it may be no more of a call that has begun; it never begins one. */
export function isEmptyCall({ id, name, arguments: text, signature }: ReadCall): boolean {
  return id === '' && name.trim() === '' && text === '' && signature === undefined;
}

/** A call that nobody can make: of a whole answer, or of a stream that is over. */
export function isNameless({ name }: { name: string }): boolean {
  return name.trim() === '';
}

export function readCall(call: ChatToolCall): ReadCall {
  const isCustom = call.function === undefined && typeof call.custom === 'object' && call.custom !== null;
  const body = isCustom ? { name: call.custom!.name, arguments: call.custom!.input } : (call.function ?? {});
  const signature = decodeExtraContent(call.extra_content);
  return {
    index: Number.isInteger(call.index) ? (call.index as number) : null,
    id: typeof call.id === 'string' ? call.id : '',
    name: typeof body.name === 'string' ? body.name : '',
    arguments: argumentsText(body.arguments),
    isCustom,
    ...(signature === undefined ? {} : { signature }),
  };
}

export function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}
