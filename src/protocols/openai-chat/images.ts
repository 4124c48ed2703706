// Pictures that a model made, in OpenRouter's shape (`message.images`): OpenAI Chat has none of its own.
import type { ImagePart } from '../../contracts/inference-request.ts';
import { sourceOfUrl, writeDataUrl } from '../openai/data-url.ts';
import { decodeExtraContent, encodeExtraContent } from './thought-signature.ts';

export function decodeImages(images: unknown): ImagePart[] {
  if (!Array.isArray(images)) return [];
  return images.flatMap((image) => {
    const { image_url: held, extra_content: extra } = (image ?? {}) as Record<string, unknown>;
    const url = typeof held === 'string' ? held : (held as { url?: unknown } | undefined)?.url;
    if (typeof url !== 'string') return [];
    const signature = decodeExtraContent(extra);
    return [{ kind: 'image' as const, source: sourceOfUrl(url), ...(signature ? { signature } : {}) }];
  });
}

/** Null for a picture that is only a file of its provider's. */
export function encodeImage({ source, signature }: ImagePart) {
  if (source.kind === 'file-id') return null;
  const url = source.kind === 'url' ? source.url : writeDataUrl(source);
  const extra = encodeExtraContent(signature);
  return { type: 'image_url', image_url: { url }, ...(extra === null ? {} : { extra_content: extra }) };
}
