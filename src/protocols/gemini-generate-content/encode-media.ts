// Images, documents and sound of a request as `inlineData` and `fileData`.
import type { AudioPart, DocumentPart, ImagePart, MediaSource } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { audioMediaType, fileUriOf, mediaTypeOfName } from './media.ts';
import type { GeminiModel } from './models.ts';
import { RefusalError } from './refusal.ts';

const RESOLUTIONS: Readonly<Record<string, string>> = {
  low: 'MEDIA_RESOLUTION_LOW',
  medium: 'MEDIA_RESOLUTION_MEDIUM',
  high: 'MEDIA_RESOLUTION_HIGH',
};

/** What a link does not say of an image: models look at its bytes, npm @ai-sdk/google 4.0.121 says the same. */
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
    throw new RefusalError('messages', 'needs the media type of a linked document, which its address does not tell');
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
  if (uri === null) throw new RefusalError('messages', 'takes files of Google’s Files API (files/…) only');
  if (!model.takesLinks && !GOOGLE_STORE.test(uri)) {
    throw new RefusalError('messages', 'does not fetch linked files for this model; send the file itself, in base64');
  }
  return uri;
}
