// A canonical answer in Gemini's dialect, whole.
import type { Answer, AnswerChoice } from '#src/contracts/answer.ts';
import type { Part, Signature } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import { type EncodeContext, idFor, type JsonObject, type ShownCost } from '#src/protocols/codec.ts';
import { encodeAnswerPart } from '#src/protocols/gemini-generate-content/parts.ts';
import { insertCost, writeGeminiUsage } from '#src/protocols/gemini-generate-content/usage.ts';
import { thoughtOnCall } from '#src/protocols/translate/signatures.ts';
import { type CitedText, encodeFinishReason, writeGrounding, writeLogProbabilities } from './candidate-metadata.ts';

export function encodeGeminiAnswer(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string {
  const body = {
    candidates: answer.choices.map(encodeCandidate),
    usageMetadata: writeUsageMetadata(usage, answer.serviceTier),
    modelVersion: answer.model,
    responseId: responseId(context),
  };
  return insertCost(Buffer.from(JSON.stringify(body)), shown).toString();
}

/** Google's ids have no prefix. */
export function responseId({ requestId }: EncodeContext): string {
  return idFor('', requestId);
}

export function writeUsageMetadata(usage: Usage, serviceTier: string | undefined): JsonObject {
  if (serviceTier === undefined) return writeGeminiUsage(usage);
  return { ...writeGeminiUsage(usage), serviceTier: serviceTier === 'default' ? 'standard' : serviceTier };
}

/** A content always has a part, because the SDK's chat drops turns without parts (npm @google/genai 3.1.0). */
export const EMPTY_PARTS: readonly JsonObject[] = [{ text: '' }];

function encodeCandidate({ index, parts, finishReason, finishMessage, logProbabilities }: AnswerChoice): JsonObject {
  const encoded = withThoughtsOnCalls(parts)
    .map(encodeAnswerPart)
    .filter((part) => part !== null);
  const grounding = writeGrounding(citedTexts(parts));
  return {
    content: { role: 'model', parts: encoded.length === 0 ? EMPTY_PARTS : encoded },
    finishReason: encodeFinishReason(finishReason),
    ...(finishMessage === undefined ? {} : { finishMessage }),
    index,
    ...(grounding === null ? {} : { groundingMetadata: grounding }),
    ...(logProbabilities === undefined ? {} : { logprobsResult: writeLogProbabilities(logProbabilities) }),
  };
}

/** Clients (Gemini CLI) leave thoughts out of what they send back, but keep the signatures of calls. */
function withThoughtsOnCalls(parts: readonly Part[]): Part[] {
  let thought: Signature | undefined;
  return parts.map((part) => {
    if (part.kind === 'reasoning') thought = thoughtOnCall(part);
    if (part.kind !== 'tool-call' || thought === undefined || part.signature !== undefined) return part;
    const signature = thought;
    thought = undefined;
    return { ...part, signature };
  });
}

function citedTexts(parts: readonly Part[]): CitedText[] {
  return parts.flatMap((part, partIndex) =>
    part.kind === 'text' && part.citations !== undefined
      ? [{ partIndex, text: part.text, citations: part.citations }]
      : [],
  );
}
