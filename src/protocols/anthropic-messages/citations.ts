// Citations. Anthropic cites for a whole text block and locates the quotation in its source; the canonical form names the
// source and, where it can, the supported text.
import type { Citation } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { asText, defined } from './loose-json.ts';

/** `text` is the block that the citation supports: all of it. */
export function decodeCitation(citation: JsonObject, text: string): Citation {
  // `search_result_location` calls its address `source`.
  const url = asText(citation.url) || asText(citation.source);
  const title = asText(citation.title) || asText(citation.document_title);
  return defined({
    url: url || undefined,
    title: title || undefined,
    citedText: asText(citation.cited_text) || undefined,
    startIndex: 0,
    endIndex: text.length,
  });
}

/** Citations have a type for each kind of source; those of other providers are of the web, or of some document. */
export function encodeCitation({ url, title, citedText = '' }: Citation): JsonObject {
  if (url !== undefined) {
    return {
      type: 'web_search_result_location',
      url,
      title: title ?? null,
      cited_text: citedText,
      encrypted_index: '',
    };
  }
  return {
    type: 'char_location',
    cited_text: citedText,
    document_index: 0,
    document_title: title ?? null,
    start_char_index: 0,
    end_char_index: citedText.length,
    file_id: null,
  };
}
