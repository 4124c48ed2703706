// Features of answers, each with the fixture case that contains it and its place in the canonical form.
import type { Answer } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import type { AnswerCaseName, CaseName, RareAnswerCaseName } from '#test/fixtures/protocols/fixtures.ts';

export interface AnswerFeature {
  title: string;
  name: AnswerCaseName | RareAnswerCaseName;
  /** The request feature that enables it; clients whose protocol lacks that never receive it. */
  askedBy?: CaseName;
  /** Its value in an answer; undefined if absent. */
  of(answer: Answer): unknown;
}

export const ANSWER_FEATURES: readonly AnswerFeature[] = [
  { title: 'text', name: 'text', of: (answer) => textsOf(answer, 'text') },
  { title: 'reasoning text', name: 'reasoning', of: (answer) => textsOf(answer, 'reasoning') },
  { title: 'tool calls', name: 'parallel-tool-calls', of: (answer) => callsOf(answer) },
  { title: 'calls of custom tools', name: 'custom-tool-call', askedBy: 'custom-tool', of: (answer) => callsOf(answer) },
  {
    title: 'a refusal',
    name: 'refusal',
    of: (answer) => textsOf(answer, 'refusal') ?? textsOf(answer, 'text')?.map(() => 'text'),
  },
  { title: 'images', name: 'image', of: (answer) => imagesOf(answer) },
  { title: 'citations', name: 'citations', of: (answer) => citationsOf(answer) },
  {
    title: 'log probabilities',
    name: 'log-probabilities',
    askedBy: 'log-probabilities',
    of: ({ choices }) => choices[0]!.logProbabilities?.map(({ token, logProbability }) => [token, logProbability]),
  },
  {
    title: 'several choices',
    name: 'choices',
    askedBy: 'choices',
    of: ({ choices }) => (choices.length > 1 ? choices.length : undefined),
  },
  { title: 'cut at the output limit', name: 'truncated', of: ({ choices }) => choices[0]!.finishReason },
  { title: 'cut by a filter', name: 'filtered', of: ({ choices }) => choices[0]!.finishReason },
  {
    title: 'the stop sequence that ended the answer',
    name: 'stop-sequence',
    of: ({ choices }) => choices[0]!.stopSequence,
  },
  { title: 'a pause', name: 'pause', of: ({ choices }) => choices[0]!.finishReason },
  { title: 'service tier', name: 'service-tier', of: ({ serviceTier }) => serviceTier },
  { title: 'cached input tokens', name: 'cached-usage', of: ({ usage }) => usage?.cachedInputTokens || undefined },
  {
    title: 'tokens written to the cache',
    name: 'cache-write',
    of: ({ usage }) => usage?.cacheWriteTokens || undefined,
  },
  { title: 'reasoning tokens', name: 'reasoning', of: ({ usage }) => usage?.reasoningTokens || undefined },
];

function partsOf({ choices }: Answer): Part[] {
  return choices[0]?.parts ?? [];
}

function textsOf(answer: Answer, kind: 'text' | 'reasoning' | 'refusal'): string[] | undefined {
  const texts = partsOf(answer).flatMap((part) => (part.kind === kind && part.text !== '' ? [part.text] : []));
  return texts.length === 0 ? undefined : texts;
}

function callsOf(answer: Answer): unknown {
  const calls = partsOf(answer).flatMap((part) =>
    part.kind === 'tool-call' ? [[part.id, part.name, part.arguments, part.isCustom]] : [],
  );
  return calls.length === 0 ? undefined : calls;
}

/** Some client protocols get a link instead of an image. */
function imagesOf(answer: Answer): unknown {
  const parts = partsOf(answer);
  const [image] = parts.flatMap((part) => (part.kind === 'image' ? [part.source.kind] : []));
  return image ?? (textsOf(answer, 'text')?.some((text) => text.includes('](data:')) ? 'link' : undefined);
}

function citationsOf(answer: Answer): unknown {
  const [text] = partsOf(answer);
  return text?.kind === 'text' ? text.citations?.map(({ url, title }) => [url, title]) : undefined;
}
