// Media types: of linked files by their names, of parts by their kinds.

import type { AudioPart, DocumentPart, ImagePart, MediaSource } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { RefusalError } from '#src/protocols/codec.ts';
import { standardBase64 } from '#src/protocols/wire/base64.ts';
import type { GeminiModel } from './models.ts';
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

/** By the extension of a path or URL; null if it has no known one. */
function mediaTypeOfName(name: string): string | null {
  const path = name.replace(/[?#].*$/s, '');
  return BY_EXTENSION[/\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null;
}

/** OpenAI's `wav`, `mp3`, `pcm16` and Google's media types. */
export function audioMediaType(format: string): string {
  return format === 'pcm16' ? 'audio/L16;rate=24000' : `audio/${format}`;
}

function audioFormat(mediaType: string): string {
  const subtype = mediaType
    .replace(/^audio\//i, '')
    .replace(/;.*$/s, '')
    .toLowerCase();
  if (subtype === 'mpeg') return 'mp3';
  if (subtype === 'x-wav' || subtype === 'wave') return 'wav';
  return subtype === 'l16' || subtype === 'pcm' ? 'pcm16' : subtype;
}

type MediaPart = ImagePart | AudioPart | DocumentPart;

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

/** A `fileData` member as a part; null for audio and video, and if the media type is unknown. */
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

/** The URL of a file in Google's Files API (`files/…`). */
export function fileUriOf(id: string): string | null {
  if (id.includes('://')) return id;
  return id.startsWith('files/') ? `https://generativelanguage.googleapis.com/v1beta/${id}` : null;
}

// Images, documents and sound of a request as `inlineData` and `fileData`.

const RESOLUTIONS: Readonly<Record<string, string>> = {
  low: 'MEDIA_RESOLUTION_LOW',
  medium: 'MEDIA_RESOLUTION_MEDIUM',
  high: 'MEDIA_RESOLUTION_HIGH',
};

/** Media type for links to images of unknown type. Models look at the bytes; npm @ai-sdk/google 4.0.121 does the same. */
const LIKELIEST_IMAGE = 'image/jpeg';

/** Throws a RefusalError for a link that the model does not follow and for a file of another provider. */
export function encodeImage({ source, detail }: ImagePart, model: GeminiModel): JsonObject {
  const level = model.isGemini3 ? RESOLUTIONS[detail ?? ''] : undefined;
  return {
    ...encodeSource(source, model, mediaTypeOf(source) ?? LIKELIEST_IMAGE),
    ...(level === undefined ? {} : { mediaResolution: { level } }),
  };
}

/** As `encodeImage`; a linked document must say what it is. */
export function encodeDocument({ source, filename }: DocumentPart, model: GeminiModel): JsonObject {
  if (source.kind === 'text') return { text: source.text };
  const mediaType = mediaTypeOf(source) ?? mediaTypeOfName(filename ?? '') ?? undefined;
  if (mediaType === undefined && source.kind === 'url') {
    throw new RefusalError(
      'messages',
      'requires the media type of a linked document, which cannot be derived from its URL',
    );
  }
  return encodeSource(source, model, mediaType);
}

export function encodeAudio({ format, data }: AudioPart): JsonObject {
  return { inlineData: { mimeType: audioMediaType(format), data } };
}

function mediaTypeOf(source: MediaSource): string | undefined {
  const isExact = source.mediaType !== undefined && source.mediaType !== '' && !source.mediaType.endsWith('/*');
  if (isExact) return source.mediaType;
  return source.kind === 'url' ? (mediaTypeOfName(source.url) ?? undefined) : undefined;
}

function encodeSource(source: MediaSource, model: GeminiModel, mediaType: string | undefined): JsonObject {
  if (source.kind === 'base64') return { inlineData: { mimeType: mediaType, data: source.data } };
  return { fileData: { ...(mediaType === undefined ? {} : { mimeType: mediaType }), fileUri: uriOf(source, model) } };
}

/** Google's own stores; everything else is fetched from the web, which older models do not. */
const GOOGLE_STORE = /^gs:\/\/|^https:\/\/generativelanguage\.googleapis\.com\//;

function uriOf(source: Exclude<MediaSource, { kind: 'base64' }>, model: GeminiModel): string {
  const uri = source.kind === 'url' ? source.url : fileUriOf(source.id);
  if (uri === null) throw new RefusalError('messages', 'accepts only files of Google’s Files API (files/…)');
  if (!model.takesLinks && !GOOGLE_STORE.test(uri)) {
    throw new RefusalError('messages', 'does not fetch linked files for this model; send the file itself, in base64');
  }
  return uri;
}
