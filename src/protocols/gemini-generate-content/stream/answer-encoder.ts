// A canonical stream in Gemini's dialect: every delta is a chunk, a function call is one chunk with all its arguments
// (Gemini has no piecewise ones on the Developer API), and the last chunk has what ends the answer: finish reasons,
// sources, usage and cost.
import type { PartStart } from '#src/contracts/answer.ts';
import type { Citation, Signature, ToolCallPart } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import {
  type AnswerEncoder,
  type EncodableEvent,
  type EncodeContext,
  idFor,
  type JsonObject,
  type ResumedStream,
  type ShownCost,
} from '#src/protocols/codec.ts';
import {
  type CitedText,
  encodeFinishReason,
  writeGrounding,
  writeLogProbabilities,
} from '#src/protocols/gemini-generate-content/answer/candidate-metadata.ts';
import {
  EMPTY_PARTS,
  responseId,
  writeUsageMetadata,
} from '#src/protocols/gemini-generate-content/answer/encode-answer.ts';
import {
  encodeAnswerPart,
  encodeCall,
  writeReasoningMetadata,
  writeSignature,
} from '#src/protocols/gemini-generate-content/parts.ts';
import { insertCost } from '#src/protocols/gemini-generate-content/usage.ts';
import { asText } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { thoughtOnCall } from '#src/protocols/translate/signatures.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import {
  type Chunk,
  candidateIndex,
  candidatesOf,
  type Framing,
  finishReasonOf,
  partsOf,
  readChunks,
} from './chunk.ts';

type PartEvent<Kind> = Extract<EncodableEvent, { kind: Kind }>;

interface OpenPart {
  start: PartStart;
  /** All deltas: the arguments of a call; a text, for the byte offsets of its citations. */
  text: string;
  citations: Citation[];
}

/** State of a choice: its open part, its citations, and why it ended. */
interface ChoiceState {
  open: OpenPart | null;
  cited: CitedText[];
  /** Signature of a thought, attached to the next call because clients do not send thoughts back. */
  thought?: Signature | undefined;
  finishReason: string | null;
  finishMessage?: string | undefined;
}

/** What a client has of a stream that another encoder, or a provider, began. */
interface BegunStream {
  model: string;
  responseId: string;
  openText: string;
}

export class GeminiAnswerEncoder implements AnswerEncoder {
  readonly #framing: Framing;
  readonly #choices = new Map<number, ChoiceState>();
  readonly #responseId: string;
  #model: string;
  #serviceTier: string | undefined;

  constructor(context: EncodeContext, framing: Framing, begun?: BegunStream) {
    this.#framing = framing;
    this.#responseId = begun?.responseId ?? responseId(context);
    this.#model = begun?.model ?? '';
    if (begun !== undefined && begun.openText !== '') {
      this.#choice(0).open = { start: { kind: 'text' }, text: begun.openText, citations: [] };
    }
  }

  encode(event: EncodableEvent): string {
    switch (event.kind) {
      case 'answer-start':
        this.#model = event.model;
        this.#serviceTier = event.serviceTier;
        return '';
      case 'service-tier':
        this.#serviceTier = event.serviceTier;
        return '';
      case 'part-start':
        this.#choice(event.choice).open = { start: event.start, text: '', citations: [] };
        return '';
      case 'part-delta':
        return this.#encodeDelta(event);
      case 'part-citation':
        this.#choice(event.choice).open?.citations.push(event.citation);
        return '';
      case 'part-end':
        return this.#encodePartEnd(event);
      case 'part-whole':
        return this.#writePart(event.choice, encodeAnswerPart(event.value));
      case 'finish':
        Object.assign(this.#choice(event.choice), {
          finishReason: encodeFinishReason(event.reason),
          finishMessage: event.message,
        });
        return '';
    }
  }

  end(usage: Usage, shown: ShownCost): string {
    const candidates = [...this.#choices].map(([index, choice]) => lastCandidate(index, choice));
    const usageMetadata = writeUsageMetadata(usage, this.#serviceTier);
    const json = insertCost(Buffer.from(this.#chunk({ candidates, usageMetadata })), shown).toString();
    return this.#framing.write(json) + this.#framing.end();
  }

  #choice(index: number): ChoiceState {
    const known = this.#choices.get(index);
    if (known !== undefined) return known;
    const choice: ChoiceState = { open: null, cited: [], finishReason: null };
    this.#choices.set(index, choice);
    return choice;
  }

  #encodeDelta({ choice, delta, logProbabilities }: PartEvent<'part-delta'>): string {
    const { open } = this.#choice(choice);
    if (open === null) return '';
    open.text += delta;
    if (open.start.kind === 'tool-call' || delta === '') return '';
    const thought = open.start.kind === 'reasoning' ? { thought: true } : {};
    const tokens = logProbabilities === undefined ? {} : { logprobsResult: writeLogProbabilities(logProbabilities) };
    return this.#writePart(choice, { text: delta, ...thought }, tokens);
  }

  #encodePartEnd({ choice, signature, isRedacted }: PartEvent<'part-end'>): string {
    const state = this.#choice(choice);
    const { open } = state;
    state.open = null;
    if (open === null) return '';
    switch (open.start.kind) {
      case 'tool-call':
        return this.#writeCall(choice, { ...open.start, arguments: open.text, ...signed(signature) });
      case 'reasoning':
        state.thought = thoughtOnCall({ kind: 'reasoning', text: open.text, ...signed(signature) });
        return signature === undefined
          ? ''
          : this.#writePart(choice, {
              ...{ text: '', thought: true },
              ...writeSignature(signature),
              ...writeReasoningMetadata({ ...open.start, ...(isRedacted === true ? { isRedacted } : {}) }),
            });
      default:
        // Clients assemble the pieces of a stream into one text, so its part index is 0.
        if (open.citations.length > 0) state.cited.push({ partIndex: 0, text: open.text, citations: open.citations });
        return signature === undefined ? '' : this.#writePart(choice, { text: '', ...writeSignature(signature) });
    }
  }

  #writeCall(index: number, call: ToolCallPart): string {
    const state = this.#choice(index);
    const signature = call.signature ?? state.thought;
    state.thought = undefined;
    return this.#writePart(index, encodeCall({ ...call, ...signed(signature) }));
  }

  #writePart(index: number, part: JsonObject | null, more: JsonObject = {}): string {
    this.#choice(index);
    if (part === null) return '';
    const candidate = { content: { role: 'model', parts: [part] }, index, ...more };
    return this.#framing.write(this.#chunk({ candidates: [candidate] }));
  }

  #chunk(members: JsonObject): string {
    return JSON.stringify({ ...members, modelVersion: this.#model, responseId: this.#responseId });
  }
}

function signed(signature: Signature | undefined): { signature?: Signature } {
  return signature === undefined ? {} : { signature };
}

function lastCandidate(index: number, { cited, finishReason, finishMessage }: ChoiceState): JsonObject {
  const grounding = writeGrounding(cited);
  return {
    content: { role: 'model', parts: EMPTY_PARTS },
    finishReason: finishReason ?? 'STOP',
    ...(finishMessage === undefined ? {} : { finishMessage }),
    index,
    ...(grounding === null ? {} : { groundingMetadata: grounding }),
  };
}

// Resumes a client's stream mid-stream: what the client has is read back from its bytes, whether an encoder or a provider
// wrote them.

/** Values of the complete events in a stream with `alt=sse`. */
export function readSseChunks(delivered: Buffer): Chunk[] | null {
  const data = new SseSplitter().push(delivered).flatMap((event) => event.data ?? []);
  return readChunks(data.map(parseJson));
}

/** Elements of an array that has not ended. */
export function readArrayChunks(delivered: Buffer): Chunk[] | null {
  return readChunks(parseJson(`${delivered.toString()}]`));
}

/** Null unless the client has only thoughts and one unsigned text of one answer. */
export function resumeGeminiStream(
  chunks: readonly Chunk[] | null,
  context: EncodeContext,
  framing: Framing,
): ResumedStream | null {
  const last = chunks?.at(-1);
  if (!chunks || last === undefined || !chunks.every(isResumable)) return null;
  const parts = chunks.flatMap(candidatesOf).flatMap(partsOf);
  const texts = parts.filter((part) => part.thought !== true);
  const isInOrder = parts.slice(parts.length - texts.length).every((part) => part.thought !== true);
  if (!isInOrder) return null;
  const text = texts.map((part) => part.text as string).join('');
  const identity = {
    model: asText(last.modelVersion) ?? '',
    responseId: asText(last.responseId) ?? idFor('', context.requestId),
  };
  const encoder = new GeminiAnswerEncoder(context, framing, { ...identity, openText: text });
  return { encoder, part: texts.length < parts.length ? 1 : 0, text, isOpen: text !== '' };
}

function isResumable(chunk: Chunk): boolean {
  return candidatesOf(chunk).every(
    (candidate) =>
      candidateIndex(candidate) === 0 && finishReasonOf(candidate) === null && partsOf(candidate).every(isPiece),
  );
}

/** A signature belongs to a part that has ended. */
function isPiece(part: JsonObject): boolean {
  return typeof part.text === 'string' && (part.thought === true || part.thoughtSignature === undefined);
}
