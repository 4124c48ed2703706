// Content of a client's message as canonical parts.
import type { CacheBreakpoint, DocumentPart, ImagePart, Part, TextPart } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { sourceOfUrl } from '#src/protocols/openai/data-url.ts';
import {
  defined,
  invalid,
  objectEntries,
  optionalObject,
  optionalText,
  requiredObject,
  requiredText,
} from '#src/protocols/openai/request-fields.ts';
import { standardBase64 } from '#src/protocols/wire/base64.ts';

/** A text, or a list of parts; empty for null. */
export function decodeContent(content: unknown, param: string): Part[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) throw invalid(param, 'expected a string or a list of content parts');
  return content.map((part, index) => decodePart(part, `${param}[${index}]`));
}

function decodePart(part: unknown, at: string): Part {
  if (typeof part === 'string') return { kind: 'text', text: part };
  const fields = requiredObject(part, at);
  return { ...decodeKind(fields, at), ...decodeBreakpoint(fields, at) };
}

function decodeKind(fields: JsonObject, at: string): Part {
  switch (fields.type) {
    case 'text':
      return decodeText(fields, at);
    case 'image_url':
      return decodeImageUrl(fields, at);
    case 'input_audio':
      return decodeAudio(fields, at);
    case 'file':
      return decodeFile(requiredObject(fields.file, `${at}.file`), `${at}.file`);
    case 'refusal':
      return { kind: 'refusal', text: requiredText(fields.refusal, `${at}.refusal`) };
    // Mistral's history (docs.mistral.ai/capabilities/reasoning).
    case 'thinking':
      return { kind: 'reasoning', text: thinkingText(fields.thinking, `${at}.thinking`) };
    default:
      throw invalid(`${at}.type`, `'${String(fields.type)}' is not one of text, image_url, input_audio, file, refusal`);
  }
}

function decodeText(fields: JsonObject, at: string): TextPart {
  return { kind: 'text', text: requiredText(fields.text, `${at}.text`) };
}

/** OpenAI's breakpoint, or Anthropic's in OpenRouter's form: on parts, on messages (opencode), on tools. */
export function decodeBreakpoint(fields: JsonObject, at: string): { cacheBreakpoint?: CacheBreakpoint } {
  const mark =
    optionalObject(fields.prompt_cache_breakpoint, `${at}.prompt_cache_breakpoint`) ??
    optionalObject(fields.cache_control, `${at}.cache_control`);
  return mark === undefined ? {} : { cacheBreakpoint: defined({ ttlSeconds: secondsOf(mark.ttl) }) };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

function secondsOf(ttl: unknown): number | undefined {
  const match = /^(\d+)([smh])$/.exec(typeof ttl === 'string' ? ttl : '');
  return match === null ? undefined : Number(match[1]) * UNIT_SECONDS[match[2]!]!;
}

function decodeImageUrl(fields: JsonObject, at: string): ImagePart {
  // OpenAI still accepts a bare URL in place of the object.
  const image = typeof fields.image_url === 'string' ? { url: fields.image_url } : fields.image_url;
  const { url, detail } = requiredObject(image, `${at}.image_url`);
  return defined({
    kind: 'image',
    source: sourceOfUrl(requiredText(url, `${at}.image_url.url`)),
    detail: optionalText(detail, `${at}.image_url.detail`),
  });
}

function decodeAudio(fields: JsonObject, at: string): Part {
  const audio = requiredObject(fields.input_audio, `${at}.input_audio`);
  return {
    kind: 'audio',
    format: requiredText(audio.format, `${at}.input_audio.format`),
    data: standardBase64(requiredText(audio.data, `${at}.input_audio.data`)),
  };
}

function decodeFile(file: JsonObject, at: string): DocumentPart | ImagePart {
  const filename = optionalText(file.filename, `${at}.filename`);
  const data = optionalText(file.file_data, `${at}.file_data`);
  if (data === undefined) {
    const id = requiredText(file.file_id, `${at}.file_data`);
    return defined({ kind: 'document', source: { kind: 'file-id', id }, filename });
  }
  const source = fileSource(data, filename);
  const isImage = source.kind === 'base64' && source.mediaType.startsWith('image/');
  return isImage ? { kind: 'image', source } : defined({ kind: 'document', source, filename });
}

/** A data URL; bare base64 (YouRouter documents it); or an address (OpenRouter). */
function fileSource(data: string, filename: string | undefined) {
  if (/^(data:|[a-z]+:\/\/)/i.test(data)) return sourceOfUrl(data);
  return { kind: 'base64' as const, mediaType: mediaTypeOf(data, filename), data: standardBase64(data) };
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
};

/** By its first bytes or its name; most files without a type are PDFs. */
function mediaTypeOf(data: string, filename: string | undefined): string {
  if (data.startsWith('JVBERi')) return 'application/pdf';
  const extension = filename?.slice(filename.lastIndexOf('.') + 1).toLowerCase() ?? '';
  return (Object.hasOwn(MEDIA_TYPES, extension) ? MEDIA_TYPES[extension] : undefined) ?? 'application/pdf';
}

function thinkingText(thinking: unknown, at: string): string {
  if (typeof thinking === 'string') return thinking;
  return objectEntries(thinking, at)
    .map(({ item, at: place }) => optionalText(item.text, `${place}.text`) ?? '')
    .join('');
}
