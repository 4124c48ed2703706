// The items of an answer: one for each thought, message or call.
import type { AnswerChoice, AnswerPart } from '../../engine/answers/answer.ts';
import type { Identity } from '../dialect.ts';
import { sealReasoning } from './sealed-reasoning.ts';

export type ItemPart = Exclude<AnswerPart, { kind: 'image' }>;
export type ToolCallPart = Extract<AnswerPart, { kind: 'tool_call' }>;
export type TextPart = Extract<AnswerPart, { kind: 'text' }>;

export interface OutputItem {
  /** Id of the item; `call_id` in contrast links a call to its result. */
  id: string;
  index: number;
  part: ItemPart;
  /** Whether the answer was cut off within this item. */
  isCut: boolean;
  providerName: string;
}

/** `added`: announced, empty. `done`: at its end in a stream. `final`: in the whole response. */
export type Stage = 'added' | 'done' | 'final';

export function outputItems({ parts, finish }: AnswerChoice, { unique }: Identity, providerName: string): OutputItem[] {
  const said = parts.filter((part) => part.kind !== 'image').filter((part) => parts.length === 1 || !isEmpty(part));
  const endsEarly = finish === 'length' || finish === 'content_filter';
  return said.map((part, index) => ({
    id: `${prefixOf(part)}_${unique}${index.toString(16).padStart(2, '0')}`,
    index,
    part,
    isCut: endsEarly && index === said.length - 1,
    providerName,
  }));
}

/** An empty answer is still a message, but there is no empty message next to a call or a thought. */
function isEmpty(part: ItemPart): boolean {
  return part.kind !== 'tool_call' && part.text === '';
}

function prefixOf(part: ItemPart): string {
  if (part.kind === 'reasoning') return 'rs';
  if (part.kind === 'text') return 'msg';
  return part.takesText ? 'ctc' : 'fc';
}

export function writeItem(item: OutputItem, stage: Stage) {
  const { id, part } = item;
  const status = stage === 'added' ? 'in_progress' : item.isCut ? 'incomplete' : 'completed';
  switch (part.kind) {
    case 'reasoning':
      return writeReasoning(item, part, stage);
    case 'text':
      return {
        id,
        type: 'message',
        status,
        content: stage === 'added' ? [] : [writeContent(part, part.text)],
        role: 'assistant',
      };
    case 'tool_call':
      return { id, ...writeCall(part, stage === 'added' ? '' : part.input), status };
  }
}

export function writeContent({ isRefusal }: TextPart, text: string) {
  return isRefusal ? { type: 'refusal', refusal: text } : { type: 'output_text', annotations: [], logprobs: [], text };
}

function writeCall({ id, name, takesText, namespace }: ToolCallPart, input: string) {
  const call = { call_id: `call_${id}`, name, ...(namespace === undefined ? {} : { namespace }) };
  return takesText
    ? { type: 'custom_tool_call', ...call, input }
    : { type: 'function_call', ...call, arguments: input };
}

export function writeSummary(text: string) {
  return { type: 'summary_text', text };
}

/** Length of the incomplete form: long enough to look real, too short to be decrypted. */
const INCOMPLETE_CHARACTERS = 32;

/**
 * `encrypted_content` is always set. Its text differs at every stage and is incomplete in the first: the one to send back is that
 * of `response.output_item.done` (types of npm openai 7.55.0).
 */
function writeReasoning(
  { id, providerName }: OutputItem,
  part: Extract<AnswerPart, { kind: 'reasoning' }>,
  stage: Stage,
) {
  const sealed = sealReasoning(part.text, providerName, `${id} ${stage}`);
  const isShown = part.isShown && stage !== 'added';
  return {
    id,
    type: 'reasoning',
    encrypted_content: stage === 'added' ? sealed.slice(0, INCOMPLETE_CHARACTERS) : sealed,
    summary: isShown ? [writeSummary(part.text)] : [],
  };
}
