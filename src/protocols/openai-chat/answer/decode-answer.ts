// A whole chat completion from any OpenAI-compatible provider in canonical form.
import type { Answer, AnswerChoice } from '#src/contracts/answer.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { Part, TextPart } from '#src/contracts/inference-request.ts';
import { callIdFor, type DecodeContext } from '#src/protocols/codec.ts';
import { readChatEventFailure } from '#src/protocols/openai/failures.ts';
import { usageIn } from '#src/protocols/openai/usage.ts';
import type { AnswerSource } from '#src/protocols/translate/signatures.ts';
import {
  type ChatChoice,
  type ChatChunk,
  type ChatDelta,
  isNameless,
  objectsIn,
  readCalls,
  readIdentity,
} from '../chunk.ts';
import { readPieces, ThoughtSigner } from '../read-content.ts';
import { decodeExtraContent } from '../signatures.ts';
import { decodeAnnotations, decodeFinishReason, decodeImages, decodeLogProbabilities } from './answer-parts.ts';

export function decodeChatAnswer(body: unknown, context: DecodeContext): Answer | Failure {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return NOT_AN_ANSWER;
  const answer = body as ChatChunk;
  const choices = objectsIn(answer.choices);
  const error = answer.error || choices.find((choice) => choice.error)?.error;
  if (error) return readChatEventFailure(error);
  if (choices.length === 0) return NOT_AN_ANSWER;
  let calls = 0;
  return {
    ...readIdentity(answer),
    choices: choices.map((choice, place) => decodeChoice(choice, place, context, () => callIdFor(context, calls++))),
    usage: usageIn(answer),
    ...(typeof answer.service_tier === 'string' ? { serviceTier: answer.service_tier } : {}),
  };
}

function decodeChoice(
  choice: ChatChoice & { stop_reason?: unknown },
  place: number,
  { source }: DecodeContext,
  nextCallId: () => string,
): AnswerChoice {
  const message = choice.message ?? choice.delta ?? {};
  const parts = signThoughts(decodeParts(message, nextCallId), message, source);
  const logProbabilities = decodeLogProbabilities(choice.logprobs);
  const hasCalls = parts.some((part) => part.kind === 'tool-call');
  const { stop_reason: met } = choice;
  return {
    index: choice.index ?? place,
    parts,
    finishReason: decodeFinishReason(choice.finish_reason, hasCalls),
    ...(typeof met === 'string' && met !== '' ? { stopSequence: met } : {}),
    ...(logProbabilities.length === 0 ? {} : { logProbabilities }),
  };
}

function decodeParts(message: ChatDelta & { extra_content?: unknown }, nextCallId: () => string): Part[] {
  const parts: Part[] = [];
  for (const piece of readPieces(message)) {
    const last = parts.at(-1);
    if (last?.kind === piece.kind) last.text += piece.text;
    else parts.push({ ...piece });
  }
  const text = parts.findLast((part): part is TextPart => part.kind === 'text');
  const citations = decodeAnnotations(message.annotations);
  if (text !== undefined && citations.length > 0) text.citations = citations;
  parts.push(...transcript(message), ...decodeImages(message.images));
  for (const { id, name, arguments: text, isCustom, signature } of readCalls(message).filter(
    (call) => !isNameless(call),
  )) {
    const ownId = nextCallId();
    const more = { ...(isCustom ? { isCustom } : {}), ...(signature ? { signature } : {}) };
    parts.push({ kind: 'tool-call', id: id === '' ? ownId : id, name, arguments: text, ...more });
  }
  sign(parts, message.extra_content);
  return parts;
}

/** Signs reasoning, except Mistral's, which is part of the content and not sent back. */
function signThoughts(parts: Part[], message: ChatDelta, source: AnswerSource | undefined): Part[] {
  const signer = new ThoughtSigner(source);
  signer.read(message);
  const signature = signer.sign();
  if (signature === undefined) return parts;
  return parts.map((part) => (part.kind === 'reasoning' ? { ...part, signature } : part));
}

/** Only clients of Chat can request audio, and their answers are passed through; for others the transcript is kept. */
function transcript({ audio }: ChatDelta): TextPart[] {
  const text = (audio as { transcript?: unknown } | null | undefined)?.transcript;
  return typeof text === 'string' && text !== '' ? [{ kind: 'text', text }] : [];
}

/** Google now signs the message where it used to sign the first call, which is where Gemini requires the signature back. */
function sign(parts: readonly Part[], extraContent: unknown): void {
  const signature = decodeExtraContent(extraContent);
  if (signature === undefined) return;
  const call = parts.find((part) => part.kind === 'tool-call');
  const bearer = call ?? parts.findLast((part) => part.kind === 'text');
  if (bearer !== undefined) bearer.signature ??= signature;
}

const NOT_AN_ANSWER = createFailure(
  'upstream_malformed',
  'The provider responded with 200, but the body is not a chat completion.',
);
