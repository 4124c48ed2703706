// Decodes one choice of a chat stream: its deltas as parts, and its end.
import type { AnswerEvent, TokenLogProbability } from '#src/contracts/answer.ts';
import { callIdFor, type DecodeContext } from '#src/protocols/codec.ts';
import { decodeAnnotations, decodeFinishReason, decodeImages, decodeLogProbabilities } from '../answer/answer-parts.ts';
import { type ChatChoice, type ChatDelta, isNameless, type ReadCall, readCalls } from '../chunk.ts';
import { plainReasoning, readPieces, ThoughtSigner } from '../read-content.ts';
import { decodeExtraContent } from '../signatures.ts';
import { type CallSlot, CallSlots } from './call-slots.ts';
import { PartQueue, type QueuedPart } from './part-queue.ts';

export interface ChoiceInput {
  index: number;
  context: DecodeContext;
  /** Counts the calls of all choices. */
  nextCall: () => number;
  emit: (event: AnswerEvent) => void;
}

export class ChoiceDecoder {
  readonly #input: ChoiceInput;
  readonly #parts: PartQueue;
  readonly #slots = new CallSlots();
  readonly #calls = new Map<CallSlot, QueuedPart>();
  readonly #signer: ThoughtSigner;
  /** Members that had content in a delta. */
  readonly #said = new Set<string>();
  #hasPlainThoughts = false;
  #isFinished = false;

  constructor(input: ChoiceInput) {
    this.#input = input;
    this.#signer = new ThoughtSigner(input.context.source);
    // A signature is complete when its reasoning has ended.
    this.#parts = new PartQueue(input.index, input.emit, () => this.#signer.sign());
  }

  read(choice: ChatChoice): void {
    // OpenRouter repeats the finish with the usage; nothing else follows.
    if (this.#isFinished) return;
    // A provider that ignores `stream` sends a `message` inside its stream.
    const delta = choice.delta ?? this.#unsaidOf(choice.message);
    if (choice.delta) this.#noteSaid(choice.delta);
    if (typeof delta === 'object' && delta !== null) {
      this.#readDelta(delta, decodeLogProbabilities(choice.logprobs));
    }
    if (choice.finish_reason) this.finish(choice);
  }

  /** A last chunk may repeat the streamed deltas as a message. */
  #unsaidOf(message: ChatDelta | null | undefined): ChatDelta | null {
    if (!message) return null;
    return Object.fromEntries(Object.entries(message).filter(([member]) => !this.#said.has(kindOf(member))));
  }

  #noteSaid(delta: ChatDelta): void {
    for (const [member, value] of Object.entries(delta)) if (isFilled(value)) this.#said.add(kindOf(member));
  }

  /** @param choice null if the provider ended the stream without a reason. */
  finish(choice: (ChatChoice & { stop_reason?: unknown }) | null): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#parts.close();
    const reason = decodeFinishReason(choice?.finish_reason, this.#hasCalls());
    // vLLM names the stop sequence that was met.
    const met = choice?.stop_reason;
    const more = typeof met === 'string' && met !== '' ? { stopSequence: met } : {};
    this.#input.emit({ kind: 'finish', choice: this.#input.index, reason, ...more });
  }

  #hasCalls(): boolean {
    return [...this.#calls.values()].some(({ start }) => start?.kind === 'tool-call' && !isNameless(start));
  }

  close(): void {
    if (!this.#isFinished) this.#parts.close();
  }

  #readDelta(delta: ChatDelta & { extra_content?: unknown }, logProbabilities: TokenLogProbability[]): void {
    let unsaid = logProbabilities;
    this.#signer.read(delta);
    for (const { kind, text } of readPieces(delta)) {
      if (kind === 'reasoning') {
        if (!this.#isRepeated(delta)) this.#parts.addText(kind, text);
      } else {
        this.#parts.addText(kind, text, unsaid);
        unsaid = [];
      }
    }
    // A token may be part of a character, so its probability arrives with an empty text.
    if (unsaid.length > 0 && this.#calls.size === 0) this.#parts.addText('text', '', unsaid);
    for (const image of decodeImages(delta.images)) this.#parts.addWhole(image);
    for (const call of readCalls(delta)) this.#readCall(call);
    for (const citation of decodeAnnotations(delta.annotations)) this.#parts.addCitation(citation);
    const signature = decodeExtraContent(delta.extra_content);
    if (signature !== undefined) this.#parts.sign(signature);
    this.#readTranscript(delta.audio);
  }

  /** Whole, signed details may follow at the end of a thought, as the broker itself sends them. */
  #isRepeated(delta: ChatDelta): boolean {
    const isPlain = plainReasoning(delta) !== '';
    this.#hasPlainThoughts ||= isPlain;
    return !isPlain && Array.isArray(delta.reasoning_details) && this.#hasPlainThoughts;
  }

  /** Only clients of Chat can request audio, and their answers are passed through; for others the transcript is kept. */
  #readTranscript(audio: unknown): void {
    const transcript = (audio as { transcript?: unknown } | null | undefined)?.transcript;
    if (typeof transcript === 'string' && transcript !== '') this.#parts.addText('text', transcript);
  }

  #readCall(call: ReadCall): void {
    const { slot, isNew } = this.#slots.take(call);
    const part = isNew ? this.#openCall(slot, call) : this.#calls.get(slot)!;
    if (call.signature !== undefined) part.signature = call.signature;
    this.#parts.addArguments(part, call.arguments, call.name);
  }

  #openCall(slot: CallSlot, { id, name, isCustom, signature }: ReadCall): QueuedPart {
    const ordinal = this.#input.nextCall();
    const start = {
      kind: 'tool-call' as const,
      id: id === '' ? callIdFor(this.#input.context, ordinal) : id,
      name,
      ...(isCustom ? { isCustom } : {}),
      ...(signature === undefined ? {} : { signature }),
    };
    const part = this.#parts.addCall(start);
    this.#calls.set(slot, part);
    return part;
  }
}

/** Reasoning has several names. */
function kindOf(member: string): string {
  return member.startsWith('reasoning') ? 'reasoning' : member;
}

function isFilled(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return false;
  return !Array.isArray(value) || value.length > 0;
}
