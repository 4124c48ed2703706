// `data:` URLs (RFC 2397), in which OpenAI's formats carry images and files.
import type { MediaSource } from '../../contracts/inference-request.ts';
import { standardBase64 } from '../wire/base64.ts';

const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,/i;
/** RFC 2397: what a data URL without a type is. */
const DEFAULT_MEDIA_TYPE = 'text/plain';

/** The bytes of a data URL, as base64 with their media type; null for anything else, or escapes that cannot be read. */
export function readDataUrl(url: string): { mediaType: string; data: string } | null {
  const match = DATA_URL.exec(url);
  if (match === null) return null;
  const mediaType = match[1] === '' ? DEFAULT_MEDIA_TYPE : match[1]!.toLowerCase();
  const rest = url.slice(match[0].length);
  if (match[3] !== undefined) return { mediaType, data: standardBase64(rest) };
  try {
    return { mediaType, data: Buffer.from(decodeURIComponent(rest)).toString('base64') };
  } catch {
    return null;
  }
}

export function writeDataUrl(source: { mediaType: string; data: string }): string {
  return `data:${source.mediaType};base64,${source.data}`;
}

/** The source of an `image_url`: a data URL or an address. */
export function sourceOfUrl(url: string): MediaSource {
  const inline = readDataUrl(url);
  return inline === null ? { kind: 'url', url } : { kind: 'base64', ...inline };
}
