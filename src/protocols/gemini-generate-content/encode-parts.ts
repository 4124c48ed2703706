// Canonical parts as Gemini's, for answers to a client.
import type { MediaSource, Part, ToolCallPart } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { writeCallSignature, writeReasoningMetadata, writeSignature } from './foreign-parts.ts';
import { audioMediaType, fileUriOf } from './media.ts';
import { asObject, defined, parseCarriedJson } from './wire-values.ts';

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

/** An object whatever the model wrote; a custom tool's free text is the argument `input` of a function. */
export function argumentsOf({ arguments: text, isCustom }: ToolCallPart): JsonObject {
  if (isCustom === true) return { input: text };
  return asObject(parseCarriedJson(text)) ?? (text.trim() === '' ? {} : { input: text });
}

function encodeMedia(source: MediaSource): JsonObject {
  if (source.kind === 'base64') return { inlineData: { mimeType: source.mediaType, data: source.data } };
  const fileUri = source.kind === 'url' ? source.url : (fileUriOf(source.id) ?? source.id);
  return { fileData: defined({ fileUri, mimeType: source.mediaType }) };
}
