// What a Gemini URL says: the model, the method, and how a stream is framed. The model may hold slashes
// (`models/openai/gpt-4o:generateContent`) and percent-escapes; some clients escape the colon too. The AI SDK leaves
// `models/` out before a name with a slash (npm @ai-sdk/google, November 2026), taking it for a path of Google's.
import type { RequestTarget } from '../protocol.ts';

export type GeminiMethod = 'generateContent' | 'streamGenerateContent' | 'countTokens';

export interface MethodPath {
  model: string;
  method: GeminiMethod;
  /** False where the client wants one JSON array, delivered piecewise: no `alt=sse`. */
  isSse: boolean;
}

/** npm @google/genai 3.1.0 asks `/v1` unless told otherwise; older ones and the Python SDK `/v1beta`. */
const PATH = /^\/(?:v1(?:beta|alpha)?\/models|v1beta)\/(.+)$/;
const METHOD = /^(.+):(generateContent|streamGenerateContent|countTokens)$/s;

/** Null for a path that is no method of a model. */
export function readMethodPath({ path, query }: RequestTarget): MethodPath | null {
  const rest = percentDecoded(PATH.exec(path)?.[1] ?? '');
  const [, model, method] = METHOD.exec(rest ?? '') ?? [];
  if (model === undefined || method === undefined) return null;
  return { model, method: method as GeminiMethod, isSse: query.alt === 'sse' };
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
