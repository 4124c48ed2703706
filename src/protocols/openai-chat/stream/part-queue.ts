// Chat deltas of one choice may alternate between parts; canonical parts follow each other. The first part is relayed live, later
// ones wait until it is complete: a text when another part begins, a tool call when its arguments are complete JSON.
// Chat does not mark the end of a call before the answer ends, and a provider may return to an earlier call.
import type { AnswerEvent, PartStart, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Citation, Part, Signature } from '#src/contracts/inference-request.ts';
import { isNameless } from '../chunk.ts';
import { CallArguments } from './call-slots.ts';

type PartEvent = Extract<AnswerEvent, { kind: 'part-delta' | 'part-citation' }>;
/** A delta or citation that waits, before the index of its part is known. */
type Held = Omit<Extract<PartEvent, { kind: 'part-delta' }>, 'choice' | 'part'> | HeldCitation;
type HeldCitation = Omit<Extract<PartEvent, { kind: 'part-citation' }>, 'choice' | 'part'>;

export interface QueuedPart {
  /** A whole part has no start. */
  start: PartStart | null;
  whole: Part | null;
  held: Held[];
  /** For a tool call. */
  arguments: CallArguments;
  signature?: Signature;
}

export class PartQueue {
  readonly #choice: number;
  readonly #emit: (event: AnswerEvent) => void;
  readonly #signThought: () => Signature | undefined;
  readonly #queue: QueuedPart[] = [];
  /** Index of the first part of the queue, and whether its start was emitted. */
  #index = 0;
  #isOpen = false;

  constructor(
    choice: number,
    emit: (event: AnswerEvent) => void,
    signThought: () => Signature | undefined = () => undefined,
  ) {
    this.#choice = choice;
    this.#signThought = signThought;
    this.#emit = emit;
  }

  /** Adds text, to the last part if that is of the same kind. */
  addText(kind: 'text' | 'refusal' | 'reasoning', delta: string, logProbabilities: TokenLogProbability[] = []): void {
    const last = this.#queue.at(-1);
    const part = last?.start?.kind === kind ? last : this.#enqueue({ start: { kind } });
    part.held.push({
      kind: 'part-delta',
      delta,
      ...(logProbabilities.length === 0 ? {} : { logProbabilities }),
    });
    this.#advance();
  }

  addCall(start: Extract<PartStart, { kind: 'tool-call' }>): QueuedPart {
    const part = this.#enqueue({ start });
    this.#advance();
    return part;
  }

  /** Adds to a call's arguments, and sets its name if that arrived late. */
  addArguments(part: QueuedPart, delta: string, name: string): void {
    if (part.start?.kind === 'tool-call' && isNameless(part.start)) part.start.name = name;
    part.arguments.add(delta);
    if (delta !== '') part.held.push({ kind: 'part-delta', delta });
    this.#advance();
  }

  addWhole(value: Part): void {
    this.#enqueue({ whole: value });
    this.#advance();
  }

  /** Adds a citation to the open text; ignored if that has ended. */
  addCitation(citation: Citation): void {
    const last = this.#queue.at(-1);
    if (last?.start?.kind !== 'text') return;
    last.held.push({ kind: 'part-citation', citation });
    this.#advance();
  }

  /** Signs the open part. */
  sign(signature: Signature): void {
    const last = this.#queue.at(-1);
    if (last !== undefined) last.signature = signature;
  }

  /** Emits everything that waits, in order. A call whose name never came is dropped. */
  close(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (isUnnamed(head)) this.#queue.shift();
      else {
        this.#say(head);
        this.#end(head);
      }
    }
  }

  #enqueue(more: Partial<QueuedPart>): QueuedPart {
    const part = { start: null, whole: null, held: [], arguments: new CallArguments(), ...more };
    this.#queue.push(part);
    return part;
  }

  #advance(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (isUnnamed(head)) return;
      this.#say(head);
      const isLast = this.#queue.length === 1;
      if (isLast ? head.whole === null : !isDone(head)) return;
      this.#end(head);
    }
  }

  #say(part: QueuedPart): void {
    const place = { choice: this.#choice, part: this.#index };
    if (part.whole !== null) return this.#emit({ kind: 'part-whole', ...place, value: part.whole });
    if (!this.#isOpen) this.#emit({ kind: 'part-start', ...place, start: { ...part.start! } });
    this.#isOpen = true;
    for (const held of part.held.splice(0)) this.#emit({ ...held, ...place });
  }

  #end(part: QueuedPart): void {
    const signature = part.signature ?? (part.start?.kind === 'reasoning' ? this.#signThought() : undefined);
    if (part.whole === null) {
      const place = { choice: this.#choice, part: this.#index };
      this.#emit({ kind: 'part-end', ...place, ...(signature === undefined ? {} : { signature }) });
    }
    this.#queue.shift();
    this.#index++;
    this.#isOpen = false;
  }
}

function isUnnamed({ start }: QueuedPart): boolean {
  return start?.kind === 'tool-call' && isNameless(start);
}

function isDone({ start, arguments: given }: QueuedPart): boolean {
  return start?.kind !== 'tool-call' || (start.isCustom !== true && given.areWhole);
}
