// Images and documents of a request, decoded: bytes, addresses, files, texts.
import type { DocumentPart, ImagePart, MediaSource } from '../../contracts/inference-request.ts';
import { standardBase64 } from '../base64.ts';
import type { JsonObject } from '../codec.ts';
import type { Decoding } from './decoding.ts';
import { asObject, asObjects, asText } from './loose-json.ts';

export function decodeImage(block: JsonObject, path: string, decoding: Decoding): ImagePart[] {
  const source = decodeSource(block.source, `${path}.source`, decoding);
  return source === null ? [] : [{ kind: 'image', source }];
}

/** Citations and context of a document have no canonical place. */
export function decodeDocument(block: JsonObject, path: string, decoding: Decoding): DocumentPart[] {
  const { title, context, citations } = block;
  if (typeof context === 'string') decoding.unmapped['messages.document.context'] = context;
  if (asObject(citations)?.enabled === true) decoding.unmapped['messages.document.citations'] = citations;
  const source = decodeText(block.source) ?? decodeSource(block.source, `${path}.source`, decoding);
  if (source === null) return [];
  return [{ kind: 'document', source, ...(typeof title === 'string' ? { filename: title } : {}) }];
}

function decodeText(value: unknown): DocumentPart['source'] | null {
  const source = asObject(value);
  if (source?.type === 'text') return { kind: 'text', text: asText(source.data) };
  if (source?.type === 'content') return { kind: 'text', text: textOf(source.content) };
  return null;
}

/** The texts of blocks, a line each. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asObjects(content)
    .map(({ text }) => asText(text))
    .filter((text) => text !== '')
    .join('\n');
}

function decodeSource(value: unknown, path: string, decoding: Decoding): MediaSource | null {
  const source = asObject(value) ?? {};
  switch (source.type) {
    case 'base64':
      return { kind: 'base64', mediaType: asText(source.media_type), data: standardBase64(asText(source.data)) };
    case 'url':
      return { kind: 'url', url: asText(source.url) };
    case 'file':
      return { kind: 'file-id', id: asText(source.file_id) };
    default:
      decoding.fail(`${path}.type`, `'${String(source.type)}' is not a source that can be translated`);
      return null;
  }
}
