// What a path and query ask for: `/v1beta/models/{model}:{method}?alt=sse`. The versions are one and the same here; npm
// @google/genai 3 asks for v1, older ones for v1beta.
import type { RequestHead } from '../dialect.ts';
import { decodeName } from '../listed-models.ts';
import type { GeminiRequest } from './gemini-request.ts';

const TARGET = /^\/v1(?:alpha|beta)?\/models\/([^:]+):([A-Za-z]+)$/;
const OWN_VERSION = /^\/v1(?:alpha|beta)\//;

export interface MethodTarget {
  model: string;
  method: string;
}

/** Null where no method of a model is called. */
export function readTarget(path: string): MethodTarget | null {
  const match = TARGET.exec(path);
  return match === null ? null : { model: decodeName(match[1]!), method: match[2]! };
}

/** `/v1/` is other providers' as well: there Google's callers are known by their key's header. */
export function isGoogles({ path, headers }: RequestHead): boolean {
  if (OWN_VERSION.test(path) || readTarget(path) !== null) return true;
  return path.startsWith('/v1/') && headers['x-goog-api-key'] !== undefined;
}

export function versionOf(path: string): string {
  return path.split('/')[1] ?? '';
}

export function deliveryOf({ path, query }: RequestHead): GeminiRequest['delivery'] {
  if (readTarget(path)?.method !== 'streamGenerateContent') return 'unary';
  const parameters = new URLSearchParams(query);
  return (parameters.get('alt') ?? parameters.get('$alt')) === 'sse' ? 'sse' : 'array';
}
