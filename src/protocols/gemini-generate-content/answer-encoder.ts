// A canonical stream in Gemini's dialect: every delta is a chunk, a function call is one chunk with all its arguments
// (Gemini has no piecewise ones on the Developer API), and the last chunk has what ends the answer: finish reasons,
// sources, usage and cost.
import type { PartStart } from '../../contracts/answer.ts';
import type { Citation, Signature, ToolCallPart } from '../../contracts/inference-request.ts';
import type { Usage } from '../../contracts/usage.ts';
import { thoughtOnCall } from '../chat-thought.ts';
import type { AnswerEncoder, EncodableEvent, EncodeContext, JsonObject, ShownCost } from '../codec.ts';
import { type CitedText, writeGrounding } from './citations.ts';
import { EMPTY_PARTS, responseId, writeUsageMetadata } from './encode-answer.ts';
import { encodeAnswerPart, encodeCall } from './encode-parts.ts';
import { encodeFinishReason } from './finish-reasons.ts';
import { writeReasoningMetadata, writeSignature } from './foreign-parts.ts';
import type { Framing } from './framing.ts';
import { writeLogProbabilities } from './log-probabilities.ts';
import { insertCost } from './usage.ts';

type PartEvent<Kind> = Extract<EncodableEvent, { kind: Kind }>;

interface OpenPart {
  start: PartStart;
  /** All deltas: the arguments of a call; a text, for the byte offsets of its citations. */
  text: string;
  citations: Citation[];
}

/** A choice that has begun: its part that is open, what is cited in it, and why it ended. */
interface ChoiceState {
  open: OpenPart | null;
  cited: CitedText[];
  /** Of a thought that goes with the next call: clients leave thoughts out of what they send back. */
  thought?: Signature | undefined;
  finishReason: string | null;
  finishMessage?: string | undefined;
}

/** What a client has of a stream that another encoder, or a provider, began. */
export interface BegunStream {
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
        // Pieces of a stream are not parts of the content as a client puts it together: it counts one text.
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
