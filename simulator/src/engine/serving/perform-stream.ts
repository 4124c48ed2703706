// Sends an answer token by token, at its pace, and breaks off at a fault.
import { NO_USAGE, type Usage } from '../../../../src/contracts/usage.ts';
import type { StreamVoice } from '../../dialects/dialect.ts';
import { AnswerCursor, type Step } from '../answers/answer-cursor.ts';
import type { BreakKind } from '../faults/fault-plan.ts';
import type { Outcome } from '../records/bill.ts';
import { giantEvent, misstated } from './false-numbers.ts';
import type { Performance } from './performance.ts';
import { writeDistorted } from './write-distorted.ts';

/** Most steps of one stream per turn of the event loop; a late stream catches up by this many at a time. */
const MAX_STEPS_PER_TURN = 256;

/**
 * waiting: a timer runs until the next token is due. Tokens are due at fixed times from the start, so the stream catches
 *   up after a late timer, and keeps its pace overall.
 * speaking: within one turn, every due token is written. Leads to waiting, blocked, broken or done.
 * blocked: the client reads too slowly; the socket signals when to continue.
 * broken: a fault has ended the answer; a stalled connection stays open until the client disconnects.
 * done: everything was sent.
 * The client's disconnect ends every state but done. The call that ends the answer settles it, once.
 */
export function performStream(performance: Performance): void {
  new StreamPerformance(performance).start();
}

class StreamPerformance {
  readonly #performance: Performance;
  readonly #voice: StreamVoice;
  readonly #cursor: AnswerCursor;
  #upcoming: Step | null;
  #timer: NodeJS.Timeout | null = null;
  #firstDueMs = 0;
  #steps = 0;
  #hasHead = false;
  #hasOpened = false;
  #hasBabbled = false;
  #hasSwollen = false;
  #isSettled = false;
  #isStalled = false;
  #hasFailed = false;
  /** Grows with every token sent. */
  readonly #served: Usage;

  constructor(performance: Performance) {
    const { answer } = performance.speech;
    this.#performance = performance;
    this.#voice = performance.voice.speakStream(performance.speech);
    this.#served = { ...answer.usage, outputTokens: 0, reasoningTokens: 0 };
    this.#cursor = new AnswerCursor(answer);
    this.#upcoming = this.#cursor.next();
  }

  start(): void {
    const { exchange, faults, firstTokenMs, now } = this.#performance;
    exchange.onceClosed(() => this.#settle(this.#isStalled ? 'broken' : 'aborted'));
    this.#firstDueMs = now() + firstTokenMs;
    if (faults.hasComments) this.#write(this.#voice.pause());
    if (faults.break?.afterTokens === 0) return this.#breakOff('', faults.break.kind);
    if (this.#voice.opensAtOnce) this.#write(this.#open());
    this.#wait();
  }

  #wait(): void {
    const { now, paceMs } = this.#performance;
    const delayMs = this.#firstDueMs + this.#steps * paceMs - now();
    if (delayMs > 0) this.#timer = setTimeout(this.#speak, delayMs);
    else if (this.#steps === 0) this.#speak();
    else setImmediate(this.#speak);
  }

  readonly #speak = (): void => {
    const { exchange, faults } = this.#performance;
    if (this.#isSettled) return;
    if (exchange.isClosed) return this.#settle('aborted');
    let text = '';
    for (let left = this.#dueSteps(); left > 0 && this.#upcoming !== null; left--) {
      text += this.#say(this.#upcoming);
      this.#upcoming = this.#cursor.next();
      const { break: fault } = faults;
      if (fault !== null && this.#served.outputTokens >= fault.afterTokens) return this.#breakOff(text, fault.kind);
    }
    if (this.#upcoming === null) return this.#finish(text);
    if (this.#write(text)) this.#wait();
    else exchange.onceWritable(this.#speak);
  };

  #dueSteps(): number {
    const { now, paceMs } = this.#performance;
    if (paceMs === 0) return MAX_STEPS_PER_TURN;
    const due = Math.floor((now() - this.#firstDueMs) / paceMs) + 1 - this.#steps;
    return Math.min(MAX_STEPS_PER_TURN, due);
  }

  #say(step: Step): string {
    const { faults, onFirstToken } = this.#performance;
    if (this.#steps === 0) onFirstToken();
    this.#steps += 1;
    this.#served.outputTokens += step.tokens;
    if (step.part.kind === 'reasoning') this.#served.reasoningTokens += step.tokens;
    const said = this.#voice.step(step, this.#saidUsage);
    const pause = faults.hasComments ? this.#voice.pause() : '';
    return (said === '' ? '' : this.#open()) + pause + said + this.#babbleIfDue() + this.#swellIfDue();
  }

  get #saidUsage(): Usage {
    return this.#performance.faults.misstatesUsage ? misstated(this.#served) : this.#served;
  }

  #open(): string {
    if (this.#hasOpened) return '';
    this.#hasOpened = true;
    return this.#voice.open();
  }

  #babbleIfDue(): string {
    const afterTokens = this.#performance.faults.malformedAfterTokens;
    if (afterTokens === null || this.#hasBabbled || this.#served.outputTokens < afterTokens) return '';
    this.#hasBabbled = true;
    return this.#voice.babble();
  }

  #swellIfDue(): string {
    const giant = this.#performance.faults.giantEvent;
    if (giant === null || this.#hasSwollen || this.#served.outputTokens < giant.afterTokens) return '';
    this.#hasSwollen = true;
    return giantEvent(giant.bytes);
  }

  #finish(text: string): void {
    const { exchange, faults } = this.#performance;
    const closing = this.#open() + this.#voice.close(this.#saidUsage);
    this.#write(text + closing + (faults.omitsTerminator ? '' : this.#voice.terminate()));
    this.#settle('completed');
    exchange.end();
  }

  #breakOff(text: string, kind: BreakKind): void {
    const { exchange } = this.#performance;
    this.#sendHead();
    this.#write(text + this.#lastWords(kind));
    exchange.flushHead();
    this.#hasFailed = kind === 'error' || kind === 'failed';
    this.#isStalled = kind === 'stall';
    if (this.#isStalled) return exchange.hold();
    this.#settle('broken');
    if (kind === 'cut') exchange.cut();
    else if (kind === 'reset') exchange.reset();
    else exchange.end();
  }

  #lastWords(kind: BreakKind): string {
    const voice = this.#voice;
    switch (kind) {
      case 'malformed':
        return voice.babble();
      case 'error':
        return voice.fail();
      case 'failed':
        return voice.failAnswer === undefined ? voice.fail() : this.#open() + voice.failAnswer();
      default:
        return '';
    }
  }

  #sendHead(): void {
    if (this.#hasHead) return;
    this.#hasHead = true;
    const { exchange, headers, voice } = this.#performance;
    exchange.head(200, headers(voice.streamContentType));
  }

  #write(text: string): boolean {
    if (text === '') return true;
    this.#sendHead();
    return writeDistorted(this.#performance.exchange, text, this.#performance.faults);
  }

  /** A failure of the provider before the first token is free; in all other cases the prompt is billed. */
  #settle(outcome: Outcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const hasServed = !this.#hasFailed || this.#served.outputTokens > 0;
    this.#performance.onEnd(outcome, hasServed ? this.#served : NO_USAGE);
  }
}
