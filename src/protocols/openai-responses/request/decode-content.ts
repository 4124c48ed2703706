// Content parts of messages and of tool outputs.
import { z } from 'zod';
import { createFailure, FailureError } from '#src/contracts/failure.ts';
import type {
  Citation,
  DocumentPart,
  ImagePart,
  MediaSource,
  Part,
  TextPart,
} from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { readDataUrl, sourceOfUrl } from '#src/protocols/openai/data-url.ts';
import { paramOf, parseMember } from '#src/protocols/openai/request-fields.ts';
import { parseGoDuration } from '#src/protocols/providers/waits.ts';
import { standardBase64 } from '#src/protocols/wire/base64.ts';
import { isObject, objectOf, objectsOf, present, textOf } from '#src/protocols/wire/loose-json.ts';

type Path = readonly PropertyKey[];

export function decodeContent(content: string | readonly JsonObject[], path: Path): Part[] {
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  return content.map((part, index) => decodePart(part, [...path, index]));
}

type OutputPart = TextPart | ImagePart | DocumentPart;

/** A tool's output: text, or text, images and files. */
export function decodeOutput(output: unknown, path: Path): OutputPart[] {
  if (!Array.isArray(output)) return [{ kind: 'text', text: parseMember(z.string(), output, path) }];
  return decodeContent(output.map(objectOf), path).map((part, index) => {
    if (part.kind === 'text' || part.kind === 'image' || part.kind === 'document') return part;
    throw unsupported([...path, index], 'a tool’s output can only have text, images and files');
  });
}

function decodePart(part: JsonObject, path: Path): Part {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return decodeText(part, path);
    case 'refusal':
      return { kind: 'refusal', text: parseMember(z.string(), part.refusal, [...path, 'refusal']) };
    case 'input_image':
      return decodeImage(part, path);
    case 'input_file':
      return decodeFile(part, path);
    case 'input_audio':
      return { kind: 'audio', ...parseMember(audio, part.input_audio, [...path, 'input_audio']) };
    default:
      throw unsupported(path, `content of type '${String(part.type)}' is not supported`);
  }
}

const audio = z.object({ data: z.string(), format: z.string() });

function decodeText(part: JsonObject, path: Path): TextPart {
  const citations = objectsOf(part.annotations).flatMap(decodeAnnotation);
  return {
    kind: 'text',
    text: parseMember(z.string(), part.text, [...path, 'text']),
    ...(citations.length > 0 ? { citations } : {}),
    ...(isObject(part.prompt_cache_breakpoint) ? { cacheBreakpoint: decodeTtl(part.prompt_cache_breakpoint) } : {}),
  };
}

/** `30m`, `12h`. */
function decodeTtl(breakpoint: JsonObject): { ttlSeconds?: number } {
  const ttlMs = parseGoDuration(textOf(breakpoint.ttl));
  return ttlMs === null ? {} : { ttlSeconds: ttlMs / 1_000 };
}

/** Only web pages can be cited elsewhere: file citations name files that one provider knows. */
export function decodeAnnotation(annotation: JsonObject): Citation[] {
  if (annotation.type !== 'url_citation') return [];
  const { url, title, start_index: start, end_index: end } = annotation;
  return [
    present({
      url: textOf(url) || null,
      title: textOf(title) || null,
      startIndex: typeof start === 'number' ? start : null,
      endIndex: typeof end === 'number' ? end : null,
    }),
  ];
}

function decodeImage(part: JsonObject, path: Path): ImagePart {
  const detail = textOf(part.detail) || null;
  if (typeof part.file_id === 'string') {
    return { kind: 'image', source: { kind: 'file-id', id: part.file_id }, ...present({ detail }) };
  }
  const url = parseMember(z.string(), part.image_url, [...path, 'image_url']);
  return { kind: 'image', source: sourceOfUrl(url), ...present({ detail }) };
}

function decodeFile(part: JsonObject, path: Path): DocumentPart {
  const filename = textOf(part.filename) || null;
  return { kind: 'document', source: sourceOfFile(part, filename, path), ...present({ filename }) };
}

function sourceOfFile(part: JsonObject, filename: string | null, path: Path): MediaSource {
  if (typeof part.file_id === 'string') return { kind: 'file-id', id: part.file_id };
  if (typeof part.file_url === 'string') return sourceOfUrl(part.file_url);
  const data = parseMember(z.string(), part.file_data, [...path, 'file_data']);
  const inline = readDataUrl(data);
  return inline === null
    ? { kind: 'base64', mediaType: mediaTypeOf(filename), data: standardBase64(data) }
    : { kind: 'base64', ...inline };
}

/** For base64 without a media type. PDF was the only kind of file that the API took at first. */
function mediaTypeOf(filename: string | null): string {
  return /\.(txt|md|csv)$/i.test(filename ?? '') ? 'text/plain' : 'application/pdf';
}

function unsupported(path: Path, why: string): FailureError {
  const param = paramOf(path);
  return new FailureError(createFailure('parameter_unsupported', `'${param}' cannot be sent: ${why}.`, { param }));
}
