// Why an answer ended, in Gemini's words and in the canonical ones. Source:
// docs/reference/gemini-generate-content.md section 3.
import type { FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Citation } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  asArray,
  asNumber,
  asObject,
  asObjects,
  asText,
  defined,
} from '#src/protocols/gemini-generate-content/wire-values.ts';

/** CONTINUATION, the cap of a long decode, counts as `length`, because the broker does not continue it. */
const CLEAN: ReadonlyMap<string, FinishReason> = new Map([
  ['STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['CONTINUATION', 'length'],
]);

const WITHHELD = new Set([
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  // Vertex AI.
  'MODEL_ARMOR',
]);

/** Google keeps adding reasons; the names of new ones usually show their meaning. */
const WITHHOLDS = /SAFETY|PROHIBITED|BLOCK|RECITATION|ARMOR|POLICY|SENSITIVE/;

/** A fault of the model, or an unknown reason: worth a retry if there is no output. */
export function isFault(reason: string): boolean {
  return !CLEAN.has(reason) && !isWithheld(reason);
}

export function isWithheld(reason: string): boolean {
  return WITHHELD.has(reason) || WITHHOLDS.test(reason);
}

/** Function calls are whole and can be made however the answer ended. Unknown reasons count as errors. */
export function decodeFinishReason(reason: string, hasCalls: boolean): FinishReason {
  if (isWithheld(reason)) return 'content-filter';
  const decoded = CLEAN.get(reason) ?? 'error';
  return hasCalls && decoded !== 'length' ? 'tool-calls' : decoded;
}

const GEMINI_REASON: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'content-filter': 'SAFETY',
  pause: 'STOP',
  error: 'OTHER',
};

export function encodeFinishReason(reason: FinishReason): string {
  return GEMINI_REASON[reason];
}

/** For people: Gemini names the reason and seldom explains it. */
export function refusalText(reason: string, message: string | undefined): string {
  return message || `The provider withheld the answer (${reason}).`;
}

export function blockText(reason: string, message: string | undefined): string {
  return message || `The provider blocked the prompt (${reason}).`;
}

// Sources of an answer. Gemini names them per candidate, `groundingMetadata` for searches and `citationMetadata` for
// recitations, with offsets in bytes of UTF-8; canonical citations belong to a text part and count UTF-16 units.

/** Offsets are set only if they are known to fit `text`, because in streams they may span several parts. */
export function readCitations(candidate: JsonObject, text: string): Citation[] {
  return [
    ...readGrounding(asObject(candidate.groundingMetadata), text),
    ...readRecitations(asObject(candidate.citationMetadata), text),
  ];
}

function readGrounding(metadata: JsonObject | null, text: string): Citation[] {
  const sources = asArray(metadata?.groundingChunks).map((chunk) => readSource(asObject(chunk)));
  const supports = asObjects(metadata?.groundingSupports);
  if (supports.length === 0) return sources.filter((source) => source.url !== undefined);
  return supports.flatMap((support) => {
    const segment = readSegment(asObject(support.segment), text);
    return asArray(support.groundingChunkIndices)
      .map((index) => sources[asNumber(index) ?? -1])
      .filter((source) => source !== undefined)
      .map((source) => ({ ...source, ...segment }));
  });
}

/** `web`, `maps`, `retrievedContext`: each with an address and a title. */
function readSource(chunk: JsonObject | null): Citation {
  const source = asObject(chunk?.web) ?? asObject(chunk?.maps) ?? asObject(chunk?.retrievedContext);
  return defined({ url: asText(source?.uri), title: asText(source?.title) });
}

function readSegment(segment: JsonObject | null, text: string): Citation {
  const citedText = asText(segment?.text);
  const offsets = readOffsets(segment, text);
  const isFitting = citedText === undefined || text.slice(offsets?.startIndex, offsets?.endIndex) === citedText;
  return { ...(isFitting ? offsets : undefined), ...defined({ citedText }) };
}

function readOffsets(
  span: JsonObject | null,
  text: string,
): Required<Pick<Citation, 'startIndex' | 'endIndex'>> | undefined {
  const endByte = asNumber(span?.endIndex);
  if (endByte === undefined) return undefined;
  const bytes = Buffer.from(text);
  const startByte = asNumber(span?.startIndex) ?? 0;
  if (endByte > bytes.length || startByte > endByte) return undefined;
  return {
    startIndex: bytes.toString('utf8', 0, startByte).length,
    endIndex: bytes.toString('utf8', 0, endByte).length,
  };
}

function readRecitations(metadata: JsonObject | null, text: string): Citation[] {
  return asObjects(metadata?.citationSources ?? metadata?.citations)
    .filter((source) => typeof source.uri === 'string')
    .map((source) => ({
      ...defined({ url: asText(source.uri), title: asText(source.title) }),
      ...readOffsets(source, text),
    }));
}

export interface CitedText {
  /** Index of the part in the content. */
  partIndex: number;
  text: string;
  citations: readonly Citation[];
}

/** Null if nothing is cited. Lists every source once, and every citation with a position as a support of its source. */
export function writeGrounding(cited: readonly CitedText[]): JsonObject | null {
  const sources = new Map<string, { index: number; web: JsonObject }>();
  const groundingSupports: JsonObject[] = [];
  for (const { partIndex, text, citations } of cited) {
    for (const citation of citations) {
      const uri = citation.url ?? '';
      const source = sources.get(uri) ?? { index: sources.size, web: defined({ uri, title: citation.title }) };
      sources.set(uri, source);
      const segment = writeSegment(citation, text, partIndex);
      if (segment !== null) groundingSupports.push({ segment, groundingChunkIndices: [source.index] });
    }
  }
  if (sources.size === 0) return null;
  return { groundingChunks: [...sources.values()].map(({ web }) => ({ web })), groundingSupports };
}

function writeSegment(
  { startIndex, endIndex, citedText }: Citation,
  text: string,
  partIndex: number,
): JsonObject | null {
  if (startIndex === undefined || endIndex === undefined) return citedText === undefined ? null : { text: citedText };
  const place = partIndex === 0 ? {} : { partIndex };
  return {
    ...place,
    startIndex: Buffer.byteLength(text.slice(0, startIndex)),
    endIndex: Buffer.byteLength(text.slice(0, endIndex)),
    text: text.slice(startIndex, endIndex),
  };
}

// `logprobsResult`: the chosen token of each step and the most likely ones, in two lists of equal length.

export function readLogProbabilities(candidate: JsonObject): TokenLogProbability[] {
  const result = asObject(candidate.logprobsResult);
  const tops = asObjects(result?.topCandidates);
  return asObjects(result?.chosenCandidates).map((chosen, step) => ({
    ...readToken(chosen),
    alternatives: asObjects(tops[step]?.candidates).map(readToken),
  }));
}

function readToken(token: JsonObject): { token: string; logProbability: number } {
  return { token: asText(token.token) ?? '', logProbability: asNumber(token.logProbability) ?? 0 };
}

export function writeLogProbabilities(tokens: readonly TokenLogProbability[]): JsonObject {
  return {
    chosenCandidates: tokens.map(({ token, logProbability }) => ({ token, logProbability })),
    topCandidates: tokens.map(({ alternatives }) => ({
      candidates: alternatives.map(({ token, logProbability }) => ({ token, logProbability })),
    })),
  };
}
