// Goes on with a client's stream that broke off: what the client has is read back from its bytes, whether an encoder or a
// provider wrote them.
import { type EncodeContext, idFor, type JsonObject, type ResumedStream } from '../codec.ts';
import { SseSplitter } from '../sse-splitter.ts';
import { GeminiAnswerEncoder } from './answer-encoder.ts';
import { type Chunk, candidateIndex, candidatesOf, finishReasonOf, partsOf, readChunks } from './chunk.ts';
import type { Framing } from './framing.ts';
import { asText, parseJson } from './wire-values.ts';

/** Values of the complete events in a stream with `alt=sse`. */
export function readSseChunks(delivered: Buffer): Chunk[] | null {
  const data = new SseSplitter().push(delivered).flatMap((event) => event.data ?? []);
  return readChunks(data.map(parseJson));
}

/** Elements of an array that has not ended. */
export function readArrayChunks(delivered: Buffer): Chunk[] | null {
  return readChunks(parseJson(`${delivered.toString()}]`));
}

/** Null unless the client has nothing but thoughts and one unsigned text of one answer. */
export function resumeGeminiStream(
  chunks: readonly Chunk[] | null,
  context: EncodeContext,
  framing: Framing,
): ResumedStream | null {
  const last = chunks?.at(-1);
  if (!chunks || last === undefined || !chunks.every(isResumable)) return null;
  const parts = chunks.flatMap(candidatesOf).flatMap(partsOf);
  const texts = parts.filter((part) => part.thought !== true);
  const isInOrder = parts.slice(parts.length - texts.length).every((part) => part.thought !== true);
  if (!isInOrder) return null;
  const text = texts.map((part) => part.text as string).join('');
  const identity = {
    model: asText(last.modelVersion) ?? '',
    responseId: asText(last.responseId) ?? idFor('', context.requestId),
  };
  const encoder = new GeminiAnswerEncoder(context, framing, { ...identity, openText: text });
  return { encoder, part: texts.length < parts.length ? 1 : 0, text, isOpen: text !== '' };
}

function isResumable(chunk: Chunk): boolean {
  return candidatesOf(chunk).every(
    (candidate) =>
      candidateIndex(candidate) === 0 && finishReasonOf(candidate) === null && partsOf(candidate).every(isPiece),
  );
}

/** A signature belongs to a part that has ended. */
function isPiece(part: JsonObject): boolean {
  return typeof part.text === 'string' && (part.thought === true || part.thoughtSignature === undefined);
}
