// A Gemini answer from a Gemini provider, not streamed: the provider's bytes with the cost added.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import { editObject } from '../json-object.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';
import { countedOr } from '../provider-counts.ts';
import { tokensOfBytes } from '../token-estimate.ts';
import { blockReasonOf, type Chunk, candidatesOf, errorOf, generatedBytes, searchesIn } from './chunk.ts';
import { readGeminiEventFailure } from './provider-failures.ts';
import { insertCost, readGeminiUsage, writeGeminiUsage } from './usage.ts';
import { asObject, parseJson } from './wire-values.ts';

export function relayGeminiBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = asObject(parseJson(body.toString()));
  const error = answer === null ? null : errorOf([answer]);
  if (error !== null) return { body, usage: NO_USAGE, failure: readGeminiEventFailure(error) };
  if (answer === null || !isAnswer(answer)) {
    const failure = createFailure('upstream_malformed', 'The provider answered 200 with something that is no answer.');
    return { body, usage: NO_USAGE, failure };
  }
  const usage = countedOr(readGeminiUsage(answer.usageMetadata, searchesIn(answer)), estimateUsage(answer, context));
  const metadata = JSON.stringify(writeGeminiUsage(usage));
  const named = withModelVersion(body, answer, context);
  const base = usage.isEstimated ? editObject(named, { set: new Map([['usageMetadata', metadata]]) }) : named;
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

/** A provider that does not say its model is taken to be the one that was asked for. */
export function withModelVersion(json: Buffer, { modelVersion }: Chunk, { requestedModel }: RelayContext): Buffer {
  if (modelVersion || requestedModel === undefined) return json;
  return editObject(json, { set: new Map([['modelVersion', JSON.stringify(requestedModel)]]) });
}

function isAnswer(answer: Chunk): boolean {
  return candidatesOf(answer).length > 0 || blockReasonOf(answer) !== null;
}

function estimateUsage(answer: Chunk, context: RelayContext): Usage {
  const outputTokens = tokensOfBytes(generatedBytes(answer));
  return { ...NO_USAGE, inputTokens: context.estimatedInputTokens, outputTokens, isEstimated: true };
}
