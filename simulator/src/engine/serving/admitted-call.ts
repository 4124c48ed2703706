// Serves an admitted call, with its faults: an error, silence, a false body or the answer; and records it.
import { halfPrice } from '../../../../src/contracts/money.ts';
import { NO_USAGE, totalTokens, type Usage } from '../../../../src/contracts/usage.ts';
import type { SpeechOptions, Voice } from '../../dialects/dialect.ts';
import type { Answer } from '../answers/answer.ts';
import { filterAnswer } from '../answers/compose-answer.ts';
import type { Call } from '../call.ts';
import type { FalseBody, FaultPlan } from '../faults/fault-plan.ts';
import type { PromptCommands } from '../faults/prompt-commands.ts';
import type { Ticket } from '../limits/admission.ts';
import type { Outcome } from '../records/bill.ts';
import type { Refusal } from '../refusal.ts';
import type { Arrival } from './arrival.ts';
import { performStream } from './perform-stream.ts';
import { performWhole } from './perform-whole.ts';
import { type Performance, promptOf, sendBody } from './performance.ts';

export interface AdmittedCallOptions {
  arrival: Arrival;
  call: Call;
  voice: Voice;
  /** Null for a batch line, which is not limited. */
  ticket: Ticket | null;
  faults: FaultPlan;
}

/** Whatever the outcome, the ticket is settled once, and usage is billed before the client can see the end. */
export class AdmittedCall {
  readonly #arrival: Arrival;
  readonly #call: Call;
  readonly #voice: Voice;
  readonly #ticket: Ticket | null;
  readonly #faults: FaultPlan;
  #hasOpenStream = false;

  constructor({ arrival, call, voice, ticket, faults }: AdmittedCallOptions) {
    this.#arrival = arrival;
    this.#call = call;
    this.#voice = voice;
    this.#ticket = ticket;
    this.#faults = faults;
  }

  /** Call it once. */
  serve(answer: Answer, commands: PromptCommands): void {
    const { counts, watch } = this.#arrival.engine;
    const faults = this.#faults;
    for (const name of faults.names) counts.faults[name] = (counts.faults[name] ?? 0) + 1;
    if (faults.connection !== null) this.#dropConnection(faults.connection, promptOf(answer.usage));
    else if (faults.refusal?.kind === 'content_filtered') this.#block(faults.refusal, answer);
    else if (faults.refusal !== null) this.#refuse(faults.refusal);
    else if (faults.falseBody !== null) this.#answerFalsely(faults.falseBody, promptOf(answer.usage));
    else this.#perform(answer, commands);
    watch.changed();
  }

  #dropConnection(how: 'reset' | 'silence', prompt: Usage): void {
    const { exchange } = this.#arrival;
    if (how === 'silence') {
      exchange.onceClosed(() => this.#end('broken', prompt));
      return exchange.hold();
    }
    this.#end('broken', prompt);
    exchange.reset();
  }

  #refuse(refusal: Refusal): void {
    this.#release(NO_USAGE);
    this.#arrival.refuse(refusal);
  }

  /** A prompt blocked by the content filter: an error at some providers, an answer without content at others. */
  #block(refusal: Refusal, answer: Answer): void {
    const blocked = this.#voice.speakBlocked?.(this.#speech(answer));
    if (blocked === undefined) return this.#refuse(refusal);
    this.#end('completed', blocked.billed);
    sendBody(this.#arrival.exchange, 200, this.#arrival.headers('content-type', blocked.contentType), blocked.body);
  }

  #answerFalsely(kind: FalseBody, prompt: Usage): void {
    const { status, contentType, body } = falseAnswer(kind, this.#voice, this.#call.isStream);
    this.#end('broken', status < 300 ? prompt : NO_USAGE);
    sendBody(this.#arrival.exchange, status, this.#arrival.headers('content-type', contentType), body);
  }

  #perform(answer: Answer, commands: PromptCommands): void {
    const performance = this.#performance(this.#filtered(answer), commands);
    if (this.#call.isStream) performStream(performance);
    else performWhole(performance);
  }

  #filtered(answer: Answer): Answer {
    const { filteredAfterTokens } = this.#faults;
    return filteredAfterTokens === null ? answer : filterAnswer(answer, filteredAfterTokens);
  }

  #performance(answer: Answer, commands: PromptCommands): Performance {
    const { engine, exchange } = this.#arrival;
    const { behaviour, now } = engine;
    const { isBatch } = this.#arrival;
    return {
      exchange,
      voice: this.#voice,
      speech: this.#speech(answer),
      faults: this.#faults,
      firstTokenMs: isBatch ? 0 : (this.#faults.firstTokenMs ?? commands.firstTokenMs ?? behaviour.firstTokenMs),
      paceMs: isBatch ? 0 : (commands.paceMs ?? behaviour.paceMs),
      now,
      headers: (contentType) => this.#arrival.headers('content-type', contentType),
      onFirstToken: () => this.#noteOpenStream(),
      onEnd: (outcome, served) => this.#end(outcome, served),
    };
  }

  #speech(answer: Answer): SpeechOptions {
    const { engine, unique } = this.#arrival;
    const identity = { unique, nowMs: engine.now(), seed: engine.seed };
    return { identity, answer, showsUsage: !this.#faults.hidesUsage };
  }

  #noteOpenStream(): void {
    this.#hasOpenStream = true;
    this.#arrival.engine.counts.openStreams += 1;
    this.#arrival.engine.watch.changed();
  }

  #end(outcome: Outcome, spoken: Usage): void {
    // A failed batch line is not billed.
    const served = this.#arrival.isBatch && outcome !== 'completed' ? NO_USAGE : spoken;
    const { engine, providerRequestId, clientRequestId, isBatch, keyDigest, dialect } = this.#arrival;
    const { counts } = engine;
    counts.outcomes[outcome] += 1;
    counts.outputTokens += served.outputTokens;
    if (this.#hasOpenStream) counts.openStreams -= 1;
    if (served !== NO_USAGE) {
      const { model } = this.#call;
      const atMs = Math.floor(engine.now());
      engine.bill.add(
        {
          atMs,
          providerRequestId,
          clientRequestId,
          model,
          protocol: dialect.name,
          keyDigest,
          usage: served,
          outcome,
          ...(isBatch ? { isBatch } : {}),
        },
        isBatch ? halfPrice(engine.priceFor(model)) : engine.priceFor(model),
      );
    }
    this.#release(served);
  }

  #release(served: Usage): void {
    const { admission, watch } = this.#arrival.engine;
    if (this.#ticket !== null) admission.settle(this.#ticket, totalTokens(served));
    watch.changed();
  }
}

// Bodies in place of an answer, as sent when something between caller and provider fails.

export interface FalseAnswer {
  status: number;
  contentType: string;
  body: string;
}

const HTML_PAGE = `<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx</center>
</body>
</html>
`;

export function falseAnswer(kind: FalseBody, voice: Voice, isStream: boolean): FalseAnswer {
  const contentType = isStream ? voice.streamContentType : voice.wholeContentType;
  switch (kind) {
    case 'empty':
      return { status: 200, contentType, body: '' };
    case 'garbage':
      return { status: 200, contentType: 'application/json', body: '{"id":"simulated","choices":[{"index":0,"mess' };
    case 'plain_text':
      return { status: 200, contentType: 'text/plain', body: 'upstream connect error or disconnect/reset' };
    case 'html_page':
      return { status: 502, contentType: 'text/html', body: HTML_PAGE };
  }
}
