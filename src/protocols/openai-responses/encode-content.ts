// Content of messages and of tool outputs for a Responses provider.
import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  Part,
  RefusalPart,
  TextPart,
} from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { writeDataUrl } from '../openai/data-url.ts';

export type ContentPart = TextPart | RefusalPart | ImagePart | DocumentPart | AudioPart;

const CONTENT_KINDS: ReadonlySet<Part['kind']> = new Set(['text', 'refusal', 'image', 'document', 'audio']);

export function isContentPart(part: Part): part is ContentPart {
  return CONTENT_KINDS.has(part.kind);
}

/** One text is a string; anything else is a list of parts. */
export function encodeContent(parts: readonly ContentPart[]): string | JsonObject[] {
  const [first] = parts;
  if (first === undefined) return '';
  if (parts.length === 1 && first.kind === 'text') return first.text;
  return parts.map(encodeContentPart);
}

/** Cache breakpoints are not sent: older models do not know them, and this provider caches without being told. */
export function encodeContentPart(part: ContentPart): JsonObject {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { type: 'input_text', text: part.text };
    case 'image':
      return encodeImage(part);
    case 'document':
      return encodeDocument(part);
    case 'audio':
      return { type: 'input_audio', input_audio: { data: part.data, format: part.format } };
  }
}

/** `detail` is required. */
function encodeImage({ source, detail = 'auto' }: ImagePart): JsonObject {
  switch (source.kind) {
    case 'file-id':
      return { type: 'input_image', file_id: source.id, detail };
    case 'url':
      return { type: 'input_image', image_url: source.url, detail };
    case 'base64':
      return { type: 'input_image', image_url: writeDataUrl(source), detail };
  }
}

function encodeDocument({ source, filename }: DocumentPart): JsonObject {
  switch (source.kind) {
    case 'text':
      return { type: 'input_text', text: source.text };
    case 'file-id':
      return { type: 'input_file', file_id: source.id };
    case 'url':
      return { type: 'input_file', file_url: source.url };
    case 'base64':
      return { type: 'input_file', filename: filename ?? nameOf(source.mediaType), file_data: writeDataUrl(source) };
  }
}

const EXTENSIONS: Readonly<Record<string, string>> = { 'text/plain': 'txt', 'text/markdown': 'md' };

/** The API tells kinds of files by their names, and wants one. */
function nameOf(mediaType: string): string {
  return `document.${EXTENSIONS[mediaType] ?? mediaType.slice(mediaType.indexOf('/') + 1)}`;
}
