// A prompt that a content filter refuses is an error at some providers and an empty answer at others: status 200, no text,
// and a finish reason that names the filter. Only checked where the request may be sent to another provider.

import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { isWithheld } from '#src/protocols/gemini-generate-content/answer/candidate-metadata.ts';

type Loose = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {};
}

function listOf(value: unknown): Loose[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/** By provider protocol: whether a whole answer, or an event before any text, is an empty refusal. */
const IS_FILTERED: Readonly<Record<string, (answer: Loose) => boolean>> = {
  'openai-chat'({ choices }) {
    const all = listOf(choices);
    return all.length > 0 && all.every((choice) => choice.finish_reason === 'content_filter' && !hasWords(choice));
  },
  'openai-responses'({ response, ...answer }) {
    const { incomplete_details, output } = response === undefined ? answer : objectOf(response);
    return objectOf(incomplete_details).reason === 'content_filter' && listOf(output).every(isEmptyItem);
  },
  'anthropic-messages'({ delta, stop_reason, content }) {
    const reason = delta === undefined ? stop_reason : objectOf(delta).stop_reason;
    return reason === 'refusal' && listOf(content).length === 0;
  },
  'gemini-generate-content'({ promptFeedback, candidates }) {
    const all = listOf(candidates);
    if (all.length === 0) return objectOf(promptFeedback).blockReason !== undefined;
    return all.every((candidate) => isWithheld(String(candidate.finishReason)) && !hasParts(candidate));
  },
};

function hasWords({ message, delta }: Loose): boolean {
  const { content, refusal, tool_calls } = objectOf(message ?? delta);
  return Boolean(content) || Boolean(refusal) || listOf(tool_calls).length > 0;
}

function isEmptyItem({ type, content }: Loose): boolean {
  return type === 'reasoning' || (type === 'message' && listOf(content).every(({ text }) => !text));
}

function hasParts({ content }: Loose): boolean {
  return listOf(objectOf(content).parts).length > 0;
}

/** @param data a whole body or the data of one event. @param provider name of the provider's protocol. */
export function isFilteredAnswer(upstream: string, data: string | Buffer): boolean {
  const isFiltered = IS_FILTERED[upstream];
  if (isFiltered === undefined) return false;
  try {
    return isFiltered(objectOf(JSON.parse(data.toString())));
  } catch {
    return false;
  }
}

export const FILTERED: Failure = createFailure(
  'upstream_content_filter',
  'The provider’s filter refused the prompt: its answer is empty.',
);
