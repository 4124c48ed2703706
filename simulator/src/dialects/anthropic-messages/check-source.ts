// Where an image or a document comes from: its bytes, an address, a file of the Files API, or text.
import { at, readList, readObject, readOneOf, readText, refuse } from './read-fields.ts';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `mediaTypes` are those of bytes. Only documents, which take PDF, may be text or content blocks. */
export function checkSource(value: unknown, path: string, mediaTypes: readonly string[]): void {
  const source = readObject(value, path);
  const isDocument = mediaTypes.includes('application/pdf');
  const types = ['base64', 'url', 'file', ...(isDocument ? ['text', 'content'] : [])];
  const type = readOneOf(source.type, at(path, 'type'), types);
  const inner = at(path, type);
  switch (type) {
    case 'base64':
      readOneOf(source.media_type, at(inner, 'media_type'), mediaTypes);
      if (!BASE64.test(readText(source.data, at(inner, 'data')))) refuse(at(inner, 'data'), 'Invalid base64 data');
      return;
    case 'url':
      if (!readText(source.url, at(inner, 'url')).startsWith('https://')) {
        refuse(at(inner, 'url'), 'Only HTTPS URLs are supported.');
      }
      return;
    case 'file':
      readText(source.file_id, at(inner, 'file_id'));
      return;
    case 'text':
      readOneOf(source.media_type, at(inner, 'media_type'), ['text/plain']);
      readText(source.data, at(inner, 'data'));
      return;
    default:
      if (typeof source.content !== 'string') readList(source.content, at(inner, 'content'));
  }
}
