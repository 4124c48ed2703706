// Media types: of linked files by their names, of parts by their kinds.
import type { AudioPart, DocumentPart, ImagePart } from '../../contracts/inference-request.ts';
import { standardBase64 } from '../base64.ts';
import type { JsonObject } from '../codec.ts';
import { asText, field } from './wire-values.ts';

const BY_EXTENSION: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  avif: 'image/avif',
  bmp: 'image/bmp',
  svg: 'image/svg+xml',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  csv: 'text/csv',
  xml: 'text/xml',
  css: 'text/css',
  js: 'text/javascript',
  json: 'application/json',
};

/** By the extension of a path or URL; null where it has none that is known. */
export function mediaTypeOfName(name: string): string | null {
  const path = name.replace(/[?#].*$/s, '');
  return BY_EXTENSION[/\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null;
}

/** OpenAI's `wav`, `mp3`, `pcm16` and Google's media types. */
export function audioMediaType(format: string): string {
  return format === 'pcm16' ? 'audio/L16;rate=24000' : `audio/${format}`;
}

export function audioFormat(mediaType: string): string {
  const subtype = mediaType
    .replace(/^audio\//i, '')
    .replace(/;.*$/s, '')
    .toLowerCase();
  if (subtype === 'mpeg') return 'mp3';
  if (subtype === 'x-wav' || subtype === 'wave') return 'wav';
  return subtype === 'l16' || subtype === 'pcm' ? 'pcm16' : subtype;
}

export type MediaPart = ImagePart | AudioPart | DocumentPart;

/** An `inlineData` member as a part; null for what no other protocol can carry: video. */
export function readInlineData(blob: JsonObject): MediaPart | null {
  const mediaType = asText(field(blob, 'mimeType')) ?? '';
  const sent = asText(blob.data);
  if (sent === undefined) return null;
  const data = standardBase64(sent);
  const source = { kind: 'base64' as const, mediaType, data };
  if (mediaType.startsWith('image/')) return { kind: 'image', source };
  if (mediaType.startsWith('audio/')) return { kind: 'audio', format: audioFormat(mediaType), data };
  if (mediaType.startsWith('video/')) return null;
  const filename = asText(field(blob, 'displayName'));
  const name = filename === undefined ? {} : { filename };
  if (mediaType.startsWith('text/')) {
    const text = Buffer.from(data, 'base64').toString();
    return { kind: 'document', source: { kind: 'text', text }, ...name };
  }
  return { kind: 'document', source, ...name };
}

const FILE_NAME = /(?:^|\/)(files\/[^/?#]+)$/;
const GOOGLE_FILES = /^https:\/\/generativelanguage\.googleapis\.com\/|^files\//;

/** A `fileData` member as a part; null for audio and video, and for what does not say what it is. */
export function readFileData(file: JsonObject): ImagePart | DocumentPart | null {
  const uri = asText(field(file, 'fileUri'));
  if (uri === undefined) return null;
  const mediaType = asText(field(file, 'mimeType')) || mediaTypeOfName(uri);
  if (mediaType === null || /^(audio|video)\//.test(mediaType)) return null;
  const id = GOOGLE_FILES.test(uri) ? FILE_NAME.exec(uri)?.[1] : undefined;
  const source =
    id === undefined ? { kind: 'url' as const, url: uri, mediaType } : { kind: 'file-id' as const, id, mediaType };
  return mediaType.startsWith('image/') ? { kind: 'image', source } : { kind: 'document', source };
}

/** Where Google's Files API keeps what it calls `files/…`. */
export function fileUriOf(id: string): string | null {
  if (id.includes('://')) return id;
  return id.startsWith('files/') ? `https://generativelanguage.googleapis.com/v1beta/${id}` : null;
}
