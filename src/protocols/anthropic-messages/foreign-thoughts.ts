// Thinking blocks that the broker made from another provider's answer, recognised by their wrapped signatures. They are for
// that provider and for display; they must not be sent to Anthropic's models.
import type { Signature } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { unwrapSignature, wrapSignature } from '../translate/signatures.ts';
import { parseCarried } from '../wire/exact-json.ts';
import { asObject, asObjects, asText } from './loose-json.ts';

const ANTHROPIC = 'anthropic-messages';

/** For a thought whose provider does not sign: only marks it as foreign. */
const UNSIGNED = wrapSignature({ origin: 'openai-responses', value: '' });

/** `signature` of a thinking block in an answer: Anthropic's own as it is, every other provider's wrapped. */
export function writeSignature(signature: Signature | undefined): string {
  if (signature === undefined) return UNSIGNED;
  return signature.origin === ANTHROPIC ? signature.value : wrapSignature(signature);
}

/** Undefined for an unsigned thought. */
export function readSignature(value: unknown): Signature | undefined {
  const text = asText(value);
  const signature = unwrapSignature(text) ?? { origin: ANTHROPIC, value: text };
  return signature.value === '' ? undefined : signature;
}

export interface OwnMessages {
  json: string;
  /**
   * The last assistant turn calls tools and no longer begins with its thought: Anthropic refuses that if thinking with a budget
   * is requested (encode-thinking.ts).
   */
  mustNotThinkByBudget: boolean;
}

/** The messages without foreign thoughts. Numbers keep their text; white space is not kept. */
export function removeForeignThoughts(messages: string): OwnMessages {
  const kept: JsonObject[] = [];
  let isLastChanged = false;
  for (const message of asObjects(parseCarried(messages))) {
    const { content, role } = message;
    const own = Array.isArray(content) ? content.filter((block) => !isForeign(block)) : content;
    const isChanged = Array.isArray(own) && own.length < (content as unknown[]).length;
    if (role === 'assistant') isLastChanged = isChanged;
    // A turn with only thoughts is dropped, because empty content is refused.
    if (isChanged && (own as unknown[]).length === 0) continue;
    kept.push(isChanged ? { ...message, content: own } : message);
  }
  return { json: JSON.stringify(kept), mustNotThinkByBudget: isLastChanged && callsWithoutThought(kept) };
}

function isForeign(value: unknown): boolean {
  const block = asObject(value);
  if (block?.type === 'thinking') return isWrapped(block.signature);
  return block?.type === 'redacted_thinking' && isWrapped(block.data);
}

function isWrapped(signature: unknown): boolean {
  return unwrapSignature(asText(signature)) !== null;
}

function callsWithoutThought(messages: readonly JsonObject[]): boolean {
  const last = messages.findLast(({ role }) => role === 'assistant');
  return beginsWithoutThought(asObjects(last?.content));
}

/** Whether an assistant turn with these blocks is refused if thinking with a budget is requested. */
export function beginsWithoutThought(blocks: readonly JsonObject[]): boolean {
  return !isThought(blocks[0]) && blocks.some(({ type }) => type === 'tool_use');
}

export function isThought(block: JsonObject | undefined): boolean {
  return block?.type === 'thinking' || block?.type === 'redacted_thinking';
}
