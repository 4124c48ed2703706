// One candidate of an answer, chunk by chunk, as canonical events.
//
// Text and thoughts arrive in pieces: a part is open until a part of another kind or a signature arrives, or the candidate
// is finished. Function calls and media arrive whole. The finish waits for the end of the stream: older models
// send finishReason STOP in every chunk (Firebase's provider mocks, 2025).

import type { AnswerEvent, FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import { createFailure } from '#src/contracts/failure.ts';
import type { Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  decodeFinishReason,
  isFault,
  isWithheld,
  readCitations,
  readLogProbabilities,
  refusalText,
} from '#src/protocols/gemini-generate-content/answer/candidate-metadata.ts';
import { answerTextOf } from '#src/protocols/gemini-generate-content/answer-function.ts';
import { readFileData, readInlineData } from '#src/protocols/gemini-generate-content/media.ts';
import { readSignature } from '#src/protocols/gemini-generate-content/parts.ts';
import { asObject, asText, defined } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { finishReasonOf, partsOf } from './chunk.ts';

interface OpenPart {
  kind: 'text' | 'reasoning';
  part: number;
  text: string;
}

export class CandidateReader {
  readonly #choice: number;
  readonly #nextCallId: () => string;
  readonly #seenCitations = new Set<string>();
  #open: OpenPart | null = null;
  #parts = 0;
  #hasCalls = false;
  /** Whether the answer came as a call (answer-function.ts). */
  #hasAnswer = false;
  /** Whether anything other than thoughts was received. */
  #isUsable = false;
  #pending: { reason: string; message: string | undefined } | null = null;
  #isFinished = false;

  constructor(choice: number, nextCallId: () => string) {
    this.#choice = choice;
    this.#nextCallId = nextCallId;
  }

  get holdsFinish(): boolean {
    return this.#pending !== null && !this.#isFinished;
  }

  read(candidate: JsonObject): AnswerEvent[] {
    let logProbabilities = readLogProbabilities(candidate);
    const events = partsOf(candidate).flatMap((part) => {
      const read = this.#readPart(part, logProbabilities);
      if (read.some((event) => event.kind === 'part-delta' && event.logProbabilities !== undefined))
        logProbabilities = [];
      return read;
    });
    events.push(...this.#readCitations(candidate));
    const reason = finishReasonOf(candidate);
    if (reason !== null) this.#pending = { reason, message: asText(candidate.finishMessage) };
    return events;
  }

  /** The events of the finish that was seen; none if there was none. */
  finish(): AnswerEvent[] {
    if (this.#pending === null || this.#isFinished) return [];
    this.#isFinished = true;
    const { reason, message } = this.#pending;
    if (!this.#isUsable && isFault(reason)) {
      const said = message || 'The model stopped without an answer.';
      const failure = createFailure('upstream_malformed', `${said} (${reason})`, { upstreamCode: reason });
      return [{ kind: 'error', failure }];
    }
    const isSaid = isWithheld(reason) && (!this.#isUsable || Boolean(message));
    const refusal = isSaid ? this.#refuse(refusalText(reason, message)) : [];
    return [
      ...this.#close(),
      ...refusal,
      this.#finishEvent(decodeFinishReason(reason, this.#hasCalls), isSaid ? undefined : message),
    ];
  }

  /** Finishes an answer that is complete although the candidate gives no finish reason. */
  finishAsWhole(): AnswerEvent[] {
    this.#pending ??= { reason: 'STOP', message: undefined };
    return this.finish();
  }

  /** Finishes a blocked prompt: a refusal in place of an answer. */
  finishAsBlocked(text: string): AnswerEvent[] {
    if (this.#isFinished) return [];
    this.#isFinished = true;
    return [...this.#close(), ...this.#refuse(text), this.#finishEvent('content-filter')];
  }

  #finishEvent(reason: FinishReason, message?: string): AnswerEvent {
    return { kind: 'finish', choice: this.#choice, reason, ...(message ? { message } : {}) };
  }

  #refuse(text: string): AnswerEvent[] {
    const at = { choice: this.#choice, part: this.#parts++ };
    return [
      ...this.#close(),
      { kind: 'part-start', ...at, start: { kind: 'refusal' } },
      { kind: 'part-delta', ...at, delta: text },
      { kind: 'part-end', ...at },
    ];
  }

  #readPart(part: JsonObject, logProbabilities: TokenLogProbability[]): AnswerEvent[] {
    const call = asObject(part.functionCall);
    if (call !== null) return this.#readFunctionCall(call, readSignature(part));
    if (typeof part.text === 'string') return this.#readText(part, part.text, logProbabilities);
    if (part.thought === true) return [];
    const media = this.#readMedia(part);
    // Code that the provider ran, and its other tools, are not shown, only the model's text about them.
    return media.length > 0 || Object.keys(part).length === 0 ? media : this.#close();
  }

  #readText(part: JsonObject, text: string, logProbabilities: TokenLogProbability[]): AnswerEvent[] {
    const signature = readSignature(part);
    // The last chunk may hold an empty text with the signature of what came before.
    if (text === '') return signature === undefined ? [] : this.#close(signature);
    const kind = part.thought === true ? 'reasoning' : 'text';
    this.#isUsable ||= kind === 'text';
    const events = this.#open?.kind === kind ? [] : this.#begin(kind);
    const open = this.#open!;
    open.text += text;
    const tokens = kind === 'text' && logProbabilities.length > 0 ? { logProbabilities } : {};
    events.push({ kind: 'part-delta', choice: this.#choice, part: open.part, delta: text, ...tokens });
    return signature === undefined ? events : [...events, ...this.#close(signature)];
  }

  #begin(kind: OpenPart['kind']): AnswerEvent[] {
    const closed = this.#close();
    this.#open = { kind, part: this.#parts++, text: '' };
    return [...closed, { kind: 'part-start', choice: this.#choice, part: this.#open.part, start: { kind } }];
  }

  #close(signature?: Signature): AnswerEvent[] {
    if (this.#open === null) return [];
    const { part } = this.#open;
    this.#open = null;
    return [{ kind: 'part-end', choice: this.#choice, part, ...defined({ signature }) }];
  }

  #readFunctionCall(call: JsonObject, signature: Signature | undefined): AnswerEvent[] {
    // A call without a name cannot be made.
    if (!asText(call.name)?.trim()) return [];
    const answer = answerTextOf(call);
    return answer === null ? this.#readCall(call, signature) : this.#readAnswer(answer);
  }

  /** Only once: of several such calls, the first is the answer. */
  #readAnswer(text: string): AnswerEvent[] {
    if (this.#hasAnswer) return [];
    this.#hasAnswer = true;
    return [...this.#close(), ...this.#readText({}, text, []), ...this.#close()];
  }

  #readCall(call: JsonObject, signature: Signature | undefined): AnswerEvent[] {
    this.#isUsable = true;
    this.#hasCalls = true;
    const closed = this.#close();
    const at = { choice: this.#choice, part: this.#parts++ };
    const id = asText(call.id) || this.#nextCallId();
    return [
      ...closed,
      {
        kind: 'part-start',
        ...at,
        start: { kind: 'tool-call', id, name: asText(call.name)!, ...defined({ signature }) },
      },
      { kind: 'part-delta', ...at, delta: JSON.stringify(call.args ?? {}) },
      { kind: 'part-end', ...at, ...defined({ signature }) },
    ];
  }

  #readMedia(part: JsonObject): AnswerEvent[] {
    const inline = asObject(part.inlineData);
    const file = asObject(part.fileData);
    const media = inline === null ? readFileData(file ?? {}) : readInlineData(inline);
    if (media === null) return [];
    this.#isUsable = true;
    const closed = this.#close();
    const signature = media.kind === 'image' ? defined({ signature: readSignature(part) }) : {};
    const value = { ...media, ...signature };
    return [...closed, { kind: 'part-whole', choice: this.#choice, part: this.#parts++, value }];
  }

  /** Citations belong to the open text. Each is emitted once, since chunks repeat them. */
  #readCitations(candidate: JsonObject): AnswerEvent[] {
    const open = this.#open;
    if (open?.kind !== 'text') return [];
    return readCitations(candidate, open.text)
      .filter((citation) => {
        const key = JSON.stringify(citation);
        return !this.#seenCitations.has(key) && this.#seenCitations.add(key);
      })
      .map((citation) => ({ kind: 'part-citation', choice: this.#choice, part: open.part, citation }));
  }
}
