// Whether and how much the model thinks, and whether thoughts are shown (`thinking` and `output_config.effort`); and the limits
// of sampling parameters while it thinks.
import type { Display, ModelTraits, ThinkingType } from './model-traits.ts';
import { type Body, isAbsent, readObject, readOneOf, readStrictObject, readWhole, refuse } from './read-fields.ts';
import type { Version } from './versions.ts';

export interface Thinking {
  isOn: boolean;
  /** `enabled`, with a budget: stricter about history, forced tools and sampling than adaptive thinking. */
  isManual: boolean;
  display: Display;
  /** Thinking tokens, unless a command sets them. */
  tokens: number;
}

/** The simulator's thoughts are short; more effort makes them longer. */
const TOKENS_BY_EFFORT: Readonly<Record<string, number>> = { low: 4, medium: 8, high: 16, xhigh: 32, max: 64 };
/** Largest share of the answer that thoughts may take. */
const MOST_OF_ANSWER = 1 / 4;
const LEAST_BUDGET = 1_024;

const MEMBERS = new Set(['type', 'budget_tokens', 'display']);
const TYPES: readonly ThinkingType[] = ['enabled', 'adaptive', 'between_tools', 'disabled'];
/** Efforts at which thinking cannot be switched off. */
const HARD_EFFORTS = new Set(['xhigh', 'max']);

export function readThinking(
  body: Body,
  traits: ModelTraits,
  maxTokens: number,
  endsWithToolResult: boolean,
): Thinking {
  const effort = readEffort(body, traits);
  const tokens = Math.min(TOKENS_BY_EFFORT[effort]!, Math.floor(maxTokens * MOST_OF_ANSWER));
  const base = { isManual: false, display: traits.display, tokens };
  if (isAbsent(body.thinking)) return { ...base, isOn: traits.thinksByDefault };
  const thinking = readStrictObject(body.thinking, 'thinking', MEMBERS);
  const type = readOneOf(thinking.type, 'thinking.type', TYPES);
  checkType(type, effort, traits);
  const isManual = type === 'enabled';
  if (isManual) checkBudget(thinking, maxTokens);
  const isOn = isManual || type === 'adaptive' || (type === 'between_tools' && endsWithToolResult);
  return { ...base, isOn, isManual, display: readDisplay(thinking, traits) };
}

function readDisplay({ display }: Body, traits: ModelTraits): Display {
  return isAbsent(display) ? traits.display : readOneOf(display, 'thinking.display', ['summarized', 'omitted']);
}

function readEffort({ output_config: config }: Body, { efforts }: ModelTraits): string {
  const effort = isAbsent(config) ? null : readObject(config, 'output_config').effort;
  if (isAbsent(effort)) return 'high';
  const known = readOneOf(effort, 'output_config.effort', Object.keys(TOKENS_BY_EFFORT));
  if (efforts.length === 0) refuse('', 'This model does not support the effort parameter.');
  return efforts.includes(known) ? known : refuse('', `This model does not support effort level '${known}'.`);
}

function checkType(type: ThinkingType, effort: string, { thinking }: ModelTraits): void {
  if (!thinking.includes(type)) {
    const taken = thinking.map((known) => `"thinking.type.${known}"`).join(', ');
    refuse('', `"thinking.type.${type}" is not supported for this model. Use ${taken}.`);
  }
  if ((type === 'disabled' || type === 'between_tools') && HARD_EFFORTS.has(effort)) {
    refuse('', `"thinking.type.${type}" cannot be combined with effort '${effort}'.`);
  }
}

function checkBudget(thinking: Body, maxTokens: number): void {
  const budget = readWhole(thinking.budget_tokens, 'thinking.enabled.budget_tokens', LEAST_BUDGET);
  if (budget >= maxTokens) refuse('', '`max_tokens` must be greater than `thinking.budget_tokens`.');
}

const SAMPLING = ['temperature', 'top_p', 'top_k'] as const;
/** Lowest `top_p` while thinking is on. */
const LEAST_TOP_P = 0.95;

/** `temperature`, `top_p` and `top_k`: refused by the new version and by new models, and limited while thinking is on. */
export function checkSampling(body: Body, traits: ModelTraits, thinking: Thinking, version: Version): void {
  for (const member of SAMPLING) {
    if (version !== '2023-06-01' && member in body) refuse(member, 'Extra inputs are not permitted');
    if (isAbsent(body[member])) continue;
    if (!traits.takesSampling) refuse('', `\`${member}\` is not supported for this model.`);
    checkNumber(body[member], member);
  }
  if (!isAbsent(body.temperature) && !isAbsent(body.top_p) && !thinking.isOn) {
    refuse('', '`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  }
  if (thinking.isOn) checkBesideThoughts(body);
}

function checkNumber(value: unknown, member: (typeof SAMPLING)[number]): void {
  if (typeof value !== 'number') refuse(member, 'Input should be a valid number');
  if (value < 0) refuse(member, 'Input should be greater than or equal to 0');
  if (value > 1 && member !== 'top_k') refuse(member, 'Input should be less than or equal to 1');
}

function checkBesideThoughts({ temperature, top_p: topP, top_k: topK }: Body): void {
  if (!isAbsent(temperature) && temperature !== 1) {
    refuse('', '`temperature` may only be set to 1 when thinking is enabled.');
  }
  if (!isAbsent(topK)) refuse('', '`top_k` must be unset when thinking is enabled.');
  if (typeof topP === 'number' && topP < LEAST_TOP_P) {
    refuse('', '`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.');
  }
}
