// Canonical parts as Gemini's, for answers to a client.
import type { MediaSource, Part, ReasoningPart, Signature, ToolCallPart } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { unwrapSignature, wrapSignature } from '#src/protocols/translate/signatures.ts';
import { parseCarriedJson } from '../wire/exact-json.ts';
import { audioMediaType, fileUriOf } from './media.ts';
import { asObject, asRepeated, asText, defined, field } from './wire-values.ts';

/** Null for what an answer cannot hold. */
export function encodeAnswerPart(part: Part): JsonObject | null {
  switch (part.kind) {
    case 'text':
      return { text: part.text, ...writeSignature(part.signature) };
    case 'refusal':
      return { text: part.text };
    case 'reasoning':
      return { text: part.text, thought: true, ...writeSignature(part.signature), ...writeReasoningMetadata(part) };
    case 'tool-call':
      return encodeCall(part);
    case 'image':
      return { ...encodeMedia(part.source), ...writeSignature(part.signature) };
    case 'document':
      return part.source.kind === 'text' ? { text: part.source.text } : encodeMedia(part.source);
    case 'audio':
      return { inlineData: { mimeType: audioMediaType(part.format), data: part.data } };
    case 'tool-result':
      return null;
  }
}

export function encodeCall(call: ToolCallPart): JsonObject {
  const { id, name, signature } = call;
  return { functionCall: { id, name, args: argumentsOf(call) }, ...writeCallSignature(signature) };
}

/** Always an object; a custom tool's free text is the argument `input` of a function. */
export function argumentsOf({ arguments: text, isCustom }: ToolCallPart): JsonObject {
  if (isCustom === true) return { input: text };
  return asObject(parseCarriedJson(text)) ?? (text.trim() === '' ? {} : { input: text });
}

function encodeMedia(source: MediaSource): JsonObject {
  if (source.kind === 'base64') return { inlineData: { mimeType: source.mediaType, data: source.data } };
  const fileUri = source.kind === 'url' ? source.url : (fileUriOf(source.id) ?? source.id);
  return { fileData: defined({ fileUri, mimeType: source.mediaType }) };
}

// Marks on parts that other providers made, for clients that will send them back: a Gemini provider must not see another's
// signatures, and Gemini 3 refuses a function call in the history that has none at all.

/** Google's marker for calls that Gemini did not make: accepted in place of a signature (docs, "Thought signatures"). */
export const SKIP_VALIDATION = 'skip_thought_signature_validator';

export const GEMINI = 'gemini-generate-content';

/** The signature of a function call whose provider does not sign: only marks it as foreign. */
const UNSIGNED = wrapSignature({ origin: 'openai-responses', value: '' });

/** `thoughtSignature` of a part of an answer. */
export function writeSignature(signature: Signature | undefined): JsonObject {
  if (signature === undefined) return {};
  return { thoughtSignature: signature.origin === GEMINI ? signature.value : wrapSignature(signature) };
}

function writeCallSignature(signature: Signature | undefined): JsonObject {
  return signature === undefined ? { thoughtSignature: UNSIGNED } : writeSignature(signature);
}

/** Gemini's own, or another provider's wrapped one; undefined if there is none, or only a marker in its place. */
export function readSignature(part: JsonObject): Signature | undefined {
  const value = asText(field(part, 'thoughtSignature'));
  if (value === undefined || value === '' || value === SKIP_VALIDATION) return undefined;
  const signature = unwrapSignature(value) ?? { origin: GEMINI, value };
  return signature.value === '' ? undefined : signature;
}

/** Members that Gemini does not have are kept in the part's free metadata. */
export function writeReasoningMetadata({ id, isRedacted }: Pick<ReasoningPart, 'id' | 'isRedacted'>): JsonObject {
  const sluice = defined({ id, isRedacted });
  return Object.keys(sluice).length === 0 ? {} : { partMetadata: { sluice } };
}

export function readReasoningMetadata(part: JsonObject): Pick<ReasoningPart, 'id' | 'isRedacted'> {
  const sluice = asObject(asObject(field(part, 'partMetadata'))?.sluice);
  return defined({ id: asText(sluice?.id), isRedacted: sluice?.isRedacted === true ? true : undefined });
}

/**
 * `contents` without other providers' thoughts, and with their signatures removed or replaced. Processed backwards, because
 * only the last piece of a streamed thought has the signature.
 */
export function removeForeignSignatures(contents: unknown): unknown {
  const kept: unknown[] = [];
  let isInForeignThought = false;
  for (const content of asRepeated(contents).toReversed()) {
    const parts = asRepeated(asObject(content)?.parts).toReversed();
    const own = parts.flatMap((value) => {
      const part = asObject(value) ?? {};
      isInForeignThought = part.thought === true && (isInForeignThought ? !isSigned(part) : isForeign(part));
      return isInForeignThought ? [] : [ownPart(part)];
    });
    if (parts.length === 0) kept.push(content);
    else if (own.length > 0) kept.push({ ...asObject(content), parts: own.toReversed() });
  }
  return kept.toReversed();
}

function isSigned(part: JsonObject): boolean {
  return field(part, 'thoughtSignature') !== undefined && !isForeign(part);
}

function isForeign(part: JsonObject): boolean {
  const signature = unwrapSignature(asText(field(part, 'thoughtSignature')) ?? '');
  return signature !== null && signature.origin !== GEMINI;
}

function ownPart(part: JsonObject): JsonObject {
  const signature = unwrapSignature(asText(field(part, 'thoughtSignature')) ?? '');
  if (signature === null) return part;
  const { thoughtSignature: _own, thought_signature: _snake, ...rest } = part;
  if (signature.origin === GEMINI) return { ...rest, thoughtSignature: signature.value };
  return field(part, 'functionCall') === undefined ? rest : { ...rest, thoughtSignature: SKIP_VALIDATION };
}
