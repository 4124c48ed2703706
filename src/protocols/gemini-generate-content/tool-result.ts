// `functionResponse` both ways. Its `response` is an object: `output` and `error` have a meaning, an object without them
// is the output as a whole (types of npm @google/genai 3.1.0).
import type { DocumentPart, ImagePart, TextPart, ToolResultPart } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import type { CallMatcher } from './call-matcher.ts';
import { readFileData, readInlineData } from './media.ts';
import { UnsupportedError } from './unsupported.ts';
import { asObject, asObjects, asText, field, parseCarriedJson } from './wire-values.ts';

export function decodeToolResult(response: JsonObject, calls: CallMatcher, path: string): ToolResultPart {
  const name = asText(response.name) ?? '';
  const callId = calls.answered(asText(response.id) || null, name);
  const { text, isError } = readResponse(asObject(response.response) ?? {});
  const media = asObjects(response.parts).map((part, index) =>
    decodeMedia(part, `${path}.functionResponse.parts[${index}]`),
  );
  const said: TextPart[] = text === '' && media.length > 0 ? [] : [{ kind: 'text', text }];
  return { kind: 'tool-result', callId, name, parts: [...said, ...media], ...(isError ? { isError } : {}) };
}

function readResponse(response: JsonObject): { text: string; isError: boolean } {
  const [only, ...others] = Object.keys(response);
  if (only === undefined) return { text: '', isError: false };
  if (others.length > 0 || (only !== 'output' && only !== 'error')) {
    return { text: JSON.stringify(response), isError: false };
  }
  const value = response[only];
  return { text: typeof value === 'string' ? value : JSON.stringify(value), isError: only === 'error' };
}

function decodeMedia(part: JsonObject, path: string): ImagePart | DocumentPart {
  const inline = asObject(field(part, 'inlineData'));
  const media = inline === null ? readFileData(asObject(field(part, 'fileData')) ?? {}) : readInlineData(inline);
  if (media === null || media.kind === 'audio') throw new UnsupportedError(path);
  return media;
}

/**
 * An object passes as it is, unless its own members would be read as `output`, `error` or a reference to media
 * (`{$ref: …}`, V); everything else is wrapped.
 */
export function encodeToolResponse({ parts, isError }: ToolResultPart): JsonObject {
  const text = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
  if (isError === true) return { error: text };
  const object = text.includes('"$ref"') ? null : asObject(parseCarriedJson(text));
  const isPlain = object !== null && !('output' in object) && !('error' in object);
  return isPlain ? object : { output: text };
}
