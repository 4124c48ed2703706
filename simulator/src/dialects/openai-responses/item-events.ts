// The events of one item in a stream, in their order. Source: docs/reference/openai-responses.md section 5.
import { type OutputItem, type ToolCallPart, writeContent, writeItem, writeSummary } from './output-items.ts';

/** Without its sequence number. */
export interface EventBody {
  type: string;
  [member: string]: unknown;
}

export function openingEvents(item: OutputItem): EventBody[] {
  const { index, part } = item;
  const added = { type: 'response.output_item.added', output_index: index, item: writeItem(item, 'added') };
  if (part.kind === 'text') {
    return [added, { type: 'response.content_part.added', ...placeOfText(item), part: writeContent(part, '') }];
  }
  if (part.kind === 'reasoning' && part.isShown) {
    return [added, { type: 'response.reasoning_summary_part.added', ...placeOfSummary(item), part: writeSummary('') }];
  }
  return [added];
}

/** A delta's event without the delta; null if the text is not shown. */
export function deltaEvent(item: OutputItem): EventBody | null {
  const { part } = item;
  switch (part.kind) {
    case 'text':
      return part.isRefusal
        ? { type: 'response.refusal.delta', ...placeOfText(item) }
        : { type: 'response.output_text.delta', ...placeOfText(item), logprobs: [] };
    case 'reasoning':
      return part.isShown ? { type: 'response.reasoning_summary_text.delta', ...placeOfSummary(item) } : null;
    case 'tool_call':
      return { type: `${callEvent(part)}.delta`, ...placeOf(item) };
  }
}

export function closingEvents(item: OutputItem): EventBody[] {
  const done = { type: 'response.output_item.done', output_index: item.index, item: writeItem(item, 'done') };
  return [...closingContent(item), done];
}

function closingContent(item: OutputItem): EventBody[] {
  const { part } = item;
  switch (part.kind) {
    case 'text': {
      const place = placeOfText(item);
      const said = part.isRefusal
        ? { type: 'response.refusal.done', ...place, refusal: part.text }
        : { type: 'response.output_text.done', ...place, text: part.text, logprobs: [] };
      return [said, { type: 'response.content_part.done', ...place, part: writeContent(part, part.text) }];
    }
    case 'reasoning': {
      if (!part.isShown) return [];
      const place = placeOfSummary(item);
      return [
        { type: 'response.reasoning_summary_text.done', ...place, text: part.text },
        { type: 'response.reasoning_summary_part.done', ...place, part: writeSummary(part.text) },
      ];
    }
    case 'tool_call':
      return [{ type: `${callEvent(part)}.done`, ...placeOf(item), ...wholeInput(part) }];
  }
}

function callEvent({ takesText }: ToolCallPart): string {
  return takesText ? 'response.custom_tool_call_input' : 'response.function_call_arguments';
}

/** The specification requires a function's name here, too. */
function wholeInput({ name, input, takesText }: ToolCallPart) {
  return takesText ? { input } : { name, arguments: input };
}

function placeOf({ id, index }: OutputItem) {
  return { item_id: id, output_index: index };
}

function placeOfText(item: OutputItem) {
  return { ...placeOf(item), content_index: 0 };
}

function placeOfSummary(item: OutputItem) {
  return { ...placeOf(item), summary_index: 0 };
}
