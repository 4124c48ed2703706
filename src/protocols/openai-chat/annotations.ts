// Citations of the web in OpenAI Chat's shape (`annotations[].url_citation`), both ways. Offsets are of the whole message
// there and of one part in the canonical form.
import type { Citation } from '../../contracts/inference-request.ts';

export function decodeAnnotations(annotations: unknown): Citation[] {
  if (!Array.isArray(annotations)) return [];
  return annotations.flatMap((annotation) => {
    const cited = (annotation as { url_citation?: Record<string, unknown> } | null)?.url_citation;
    return typeof cited?.url === 'string' ? [decodeCitation(cited.url, cited)] : [];
  });
}

function decodeCitation(url: string, cited: Record<string, unknown>): Citation {
  return {
    url,
    ...(typeof cited.title === 'string' ? { title: cited.title } : {}),
    ...(Number.isInteger(cited.start_index) ? { startIndex: cited.start_index as number } : {}),
    ...(Number.isInteger(cited.end_index) ? { endIndex: cited.end_index as number } : {}),
    // OpenRouter adds what was cited.
    ...(typeof cited.content === 'string' ? { citedText: cited.content } : {}),
  };
}

/**
 * The citations of a part that stands at `offset` of the message. A citation without a place supports the whole part; one
 * without an address has no form here.
 */
export function encodeAnnotations(citations: readonly Citation[], offset: number, length: number) {
  return citations.flatMap(({ url, title, startIndex, endIndex }) => {
    if (url === undefined) return [];
    const place = { start_index: offset + (startIndex ?? 0), end_index: offset + (endIndex ?? length) };
    return [{ type: 'url_citation', url_citation: { ...place, url, title: title ?? url } }];
  });
}
