// Content parts of a user's message, for a chat provider. Null for a part that has no place in it.
import type { AudioPart, DocumentPart, ImagePart, Part } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { writeDataUrl } from '../openai/data-url.ts';
import { Unsendable } from './unsendable.ts';

export function encodeUserPart(part: Part): JsonObject | null {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: part.text };
    case 'image':
      return encodeImagePart(part);
    case 'document':
      return encodeDocument(part);
    case 'audio':
      return encodeAudio(part);
    default:
      return null;
  }
}

function encodeImagePart({ source, detail }: ImagePart): JsonObject {
  if (source.kind === 'file-id') throw new Unsendable('messages', 'has no images by file id');
  const url = source.kind === 'url' ? source.url : writeDataUrl(source);
  return { type: 'image_url', image_url: { url, ...(detail === undefined ? {} : { detail }) } };
}

/** There is no `file_url` in Chat (npm openai 7.55.0); plain text needs no file, which few providers read. */
function encodeDocument({ source, filename }: DocumentPart): JsonObject {
  switch (source.kind) {
    case 'text':
      return { type: 'text', text: source.text };
    case 'url':
      throw new Unsendable('messages', 'has no documents by URL');
    case 'file-id':
      return { type: 'file', file: { file_id: source.id } };
    case 'base64':
      if (/^text\//.test(source.mediaType)) {
        return { type: 'text', text: Buffer.from(source.data, 'base64').toString() };
      }
      return {
        type: 'file',
        file: { filename: filename ?? 'document.pdf', file_data: writeDataUrl(source) },
      };
  }
}

function encodeAudio({ format, data }: AudioPart): JsonObject {
  return { type: 'input_audio', input_audio: { data, format } };
}
