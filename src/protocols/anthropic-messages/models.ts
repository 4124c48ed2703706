// What a model accepts, by its name. Source: docs/reference/anthropic-messages.md sections 1, 2, 6 and 7.
// Unknown names are taken for models of other providers that speak this protocol, and get what every such provider accepts.
import type { Refusal, RequestField } from '#src/protocols/codec.ts';

type ThinkingType = 'enabled' | 'adaptive' | 'between_tools' | 'disabled';
export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max';

export interface ModelTraits {
  /** Values of `thinking.type`. */
  thinking: readonly ThinkingType[];
  thinksByDefault: boolean;
  /** Values of `output_config.effort`. */
  efforts: readonly Effort[];
  /** Takes temperature, top_p and top_k (with version 2023-06-01). */
  takesSampling: boolean;
  /** Continues a final assistant turn. */
  takesPrefill: boolean;
  /** `tool_choice` may be `any` or `tool`. */
  takesForcedTools: boolean;
  /** `messages` may have the role `system`. */
  takesSystemTurns: boolean;
  /** `output_config.format` and strict tools. */
  hasStructuredOutputs: boolean;
  /** Most output tokens; null where it is not known. */
  maxOutputTokens: number | null;
}

const ALL_EFFORTS: readonly Effort[] = ['low', 'medium', 'high', 'xhigh', 'max'];

/** The newest generation; rows contain only what differs from it. */
const NEWEST: ModelTraits = {
  thinking: ['adaptive'],
  thinksByDefault: true,
  efforts: ALL_EFFORTS,
  takesSampling: false,
  takesPrefill: false,
  takesForcedTools: false,
  takesSystemTurns: false,
  hasStructuredOutputs: true,
  maxOutputTokens: 128_000,
};

const GENERATION_5: ModelTraits = { ...NEWEST, thinking: ['adaptive', 'disabled'], takesForcedTools: true };

const GENERATION_4_6: ModelTraits = {
  ...GENERATION_5,
  thinking: ['enabled', 'adaptive', 'disabled'],
  thinksByDefault: false,
  efforts: ['low', 'medium', 'high', 'max'],
  takesSampling: true,
};

const GENERATION_4: ModelTraits = {
  ...GENERATION_4_6,
  thinking: ['enabled', 'disabled'],
  efforts: [],
  takesPrefill: true,
  maxOutputTokens: 64_000,
};

const GENERATION_3: ModelTraits = {
  ...GENERATION_4,
  hasStructuredOutputs: false,
  maxOutputTokens: null,
};

/** Thinking with a budget is what providers other than Anthropic have in common. */
const UNKNOWN: ModelTraits = { ...GENERATION_4, maxOutputTokens: null };

interface Row {
  /** Null: every family, future ones included. */
  families: RegExp | null;
  /** First version that the row applies to. */
  from: readonly [major: number, minor: number];
  traits: ModelTraits;
}

/** The first matching row applies; versions newer than the newest row are treated like it. */
const ROWS: readonly Row[] = [
  { families: /fable|mythos/, from: [5, 1], traits: NEWEST },
  { families: /fable|mythos/, from: [0, 0], traits: { ...NEWEST, takesForcedTools: true } },
  { families: /haiku/, from: [5, 5], traits: GENERATION_5 },
  { families: /haiku/, from: [4, 6], traits: { ...GENERATION_5, takesSampling: true } },
  { families: /sonnet/, from: [5, 5], traits: { ...NEWEST, thinking: ['adaptive', 'between_tools'] } },
  { families: /sonnet/, from: [5, 0], traits: GENERATION_5 },
  { families: /opus/, from: [5, 5], traits: { ...NEWEST, takesSystemTurns: true } },
  { families: /opus/, from: [5, 0], traits: { ...GENERATION_5, takesSystemTurns: true } },
  { families: /opus/, from: [4, 8], traits: { ...GENERATION_5, thinksByDefault: false, takesSystemTurns: true } },
  { families: /opus/, from: [4, 7], traits: { ...GENERATION_5, thinksByDefault: false } },
  { families: /opus/, from: [4, 6], traits: GENERATION_4_6 },
  { families: /opus/, from: [4, 5], traits: { ...GENERATION_4, efforts: ['low', 'medium', 'high'] } },
  { families: /opus/, from: [4, 1], traits: { ...GENERATION_4, maxOutputTokens: 32_000 } },
  { families: /opus/, from: [4, 0], traits: { ...GENERATION_4, maxOutputTokens: 32_000, hasStructuredOutputs: false } },
  { families: null, from: [5, 0], traits: NEWEST },
  { families: null, from: [4, 6], traits: GENERATION_4_6 },
  { families: null, from: [4, 5], traits: GENERATION_4 },
  { families: null, from: [4, 0], traits: { ...GENERATION_4, hasStructuredOutputs: false } },
  { families: null, from: [0, 0], traits: GENERATION_3 },
];

/** `claude-opus-4-7`, `claude-sonnet-4-5-20250929`, `anthropic.claude-opus-5.5-v1:0`; eight digits are a date. */
const NAME = /claude-([a-z]+)-(\d+)(?:[-.](\d{1,2}))?(?![\d.])/;
/** `claude-3-5-sonnet-20241022`, `claude-2.1`. */
const OLD_NAME = /claude-(?:instant|\d)/;

export function traitsOf(upstreamModel: string): ModelTraits {
  const [, family, major, minor] = NAME.exec(upstreamModel) ?? [];
  if (family === undefined) return OLD_NAME.test(upstreamModel) ? GENERATION_3 : UNKNOWN;
  const isSince = ([fromMajor, fromMinor]: Row['from']) =>
    Number(major) > fromMajor || (Number(major) === fromMajor && Number(minor ?? 0) >= fromMinor);
  const row = ROWS.find(({ families, from }) => isSince(from) && (families === null || families.test(family)));
  return row?.traits ?? GENERATION_3;
}

/** Whether it is known to continue the text of a final assistant turn; unknown for other providers' models. */
export function continuesPrefill(upstreamModel: string): boolean {
  const traits = traitsOf(upstreamModel);
  return traits !== UNKNOWN && traits.takesPrefill;
}

/** Collects the result of encoding a request: the fields that are left out, and the first that cannot be. */
export class Encoding {
  readonly dropped = new Set<RequestField>();
  refusal: Refusal | null = null;

  /** Left out or changed, without changing the meaning of the answer. */
  drop(field: RequestField): void {
    this.dropped.add(field);
  }

  /** `reason` follows "it": "has no audio input". */
  refuse(field: RequestField, reason: string): void {
    this.refusal ??= { kind: 'refusal', field, reason };
  }
}
