// How much the model reasons before the answer, and whether the caller sees it.
import type { Call } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import { unsupported } from '../openai/read-body.ts';
import { type Body, readObject } from '../read-fields.ts';

/** Far fewer tokens than real models use, so that a rehearsal does not take minutes. */
const TOKENS_BY_EFFORT: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 4,
  low: 8,
  medium: 16,
  high: 32,
  xhigh: 48,
  max: 64,
};
const DEFAULT_EFFORT = 'medium';
const SUMMARIES = ['auto', 'concise', 'detailed'];
const ENCRYPTED = 'reasoning.encrypted_content';

/** o1, o3-mini, gpt-5, gpt-5.4-nano, and any of them with a prefix; but not gpt-5-chat-latest. */
const REASONING_MODEL = /(?:^|\/)(?:o\d|gpt-[5-9])(?!.*-chat)/;

export function isReasoningModel(model: string): boolean {
  return REASONING_MODEL.test(model);
}

/** A model with any name reasons if the request asks for it. */
export function readReasoning(
  body: Body,
  model: string,
): Pick<Call, 'showsReasoning'> & { effort: string | null; reasoningTokens: number } {
  const { effort, summary } = readObject(body.reasoning ?? {}, 'reasoning');
  if (isSaid(effort) && TOKENS_BY_EFFORT[String(effort)] === undefined) {
    throw unsupported(effort, 'reasoning.effort', Object.keys(TOKENS_BY_EFFORT));
  }
  if (isSaid(summary) && !SUMMARIES.includes(String(summary)))
    throw unsupported(summary, 'reasoning.summary', SUMMARIES);
  const isWanted =
    isSaid(effort) || isSaid(summary) || readInclude(body).includes(ENCRYPTED) || isReasoningModel(model);
  const chosen = isWanted ? String(effort ?? DEFAULT_EFFORT) : null;
  return {
    effort: chosen,
    reasoningTokens: chosen === null ? 0 : TOKENS_BY_EFFORT[chosen]!,
    showsReasoning: isSaid(summary),
  };
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

const INCLUDABLE = [
  'file_search_call.results',
  'web_search_call.results',
  'web_search_call.action.sources',
  'message.input_image.image_url',
  'computer_call_output.output.image_url',
  'code_interpreter_call.outputs',
  ENCRYPTED,
  'message.output_text.logprobs',
];

function readInclude({ include }: Body): readonly string[] {
  if (!isSaid(include)) return [];
  if (!Array.isArray(include))
    throw invalid("Invalid type for 'include': expected an array.", 'include', 'invalid_type');
  for (const [index, name] of include.entries()) {
    if (!INCLUDABLE.includes(name)) throw unsupported(name, `include[${index}]`, INCLUDABLE);
  }
  return include;
}
