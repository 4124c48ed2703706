// Images and documents for Anthropic: by bytes, by address, by its own files.
import type { DocumentPart, ImagePart, MediaSource } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import type { Encoding } from './encoding.ts';
import { defined } from './loose-json.ts';

const IMAGE_TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);
const PDF = 'application/pdf';
/** Types whose bytes are a text that the model can be shown. */
const TEXT_TYPE = /^text\/|^application\/(json|xml|yaml|javascript)$/;
/** Ids of Anthropic's own Files API; those of others mean nothing to it. */
const OWN_FILE = /^file_/;

export function encodeImage({ source }: ImagePart, encoding: Encoding): JsonObject[] {
  if (source.kind !== 'base64') return block('image', encodeReference(source, encoding));
  const mediaType = source.mediaType === 'image/jpg' ? 'image/jpeg' : source.mediaType;
  if (!IMAGE_TYPES.has(mediaType)) {
    encoding.refuse('messages', `takes images as JPEG, PNG, GIF or WebP, not '${mediaType}'`);
    return [];
  }
  return block('image', { type: 'base64', media_type: mediaType, data: source.data });
}

export function encodeDocument({ source, filename }: DocumentPart, encoding: Encoding): JsonObject[] {
  return block('document', encodeDocumentSource(source, encoding), filename);
}

function encodeDocumentSource(source: DocumentPart['source'], encoding: Encoding): JsonObject | null {
  if (source.kind === 'text') return textSource(source.text);
  if (source.kind !== 'base64') return encodeReference(source, encoding);
  const { mediaType, data } = source;
  if (mediaType === PDF) return { type: 'base64', media_type: PDF, data };
  if (TEXT_TYPE.test(mediaType)) return textSource(Buffer.from(data, 'base64').toString());
  encoding.refuse('messages', `takes documents as PDF or text, not '${mediaType}'`);
  return null;
}

function textSource(data: string): JsonObject {
  return { type: 'text', media_type: 'text/plain', data };
}

function encodeReference(source: Exclude<MediaSource, { kind: 'base64' }>, encoding: Encoding): JsonObject | null {
  if (source.kind === 'url') return { type: 'url', url: source.url };
  if (OWN_FILE.test(source.id)) return { type: 'file', file_id: source.id };
  encoding.refuse('messages', `cannot read the file '${source.id}' of another provider`);
  return null;
}

function block(type: string, source: JsonObject | null, title?: string): JsonObject[] {
  return source === null ? [] : [{ type, source, ...defined({ title }) }];
}
