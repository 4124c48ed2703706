// Hedging: two concurrent attempts of one request. The first is made like any attempt; if it is slow to begin, the next step of
// the plan is called too (hedge-step.ts). The attempt that first has output for the client is the answer; the other call is ended
// and booked (deciding-gate.ts). Why: docs/decisions/2026-11-28-hedging.md.
//
// alone     the first runs; a timer may start the second. Left when the first has begun or ended, or when the second is called.
// race      both run. One that fails before anything was written is booked, and the other continues alone.
// decided   one has written: the other is ended (`hedge_lost`) and booked immediately, with its cost.
// over      the answer's books are closed, or both have failed and the request continues from the step of the first.
import { withPrompt } from '#src/accounts/request-cost.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { circuitOf } from '#src/contracts/route-plan.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { AdmittedHedge } from '#src/limits/hedge-allowance.ts';
import type { Permit } from '#src/limits/limiter.ts';
import { isFree } from '#src/protocols/protocol.ts';
import { noteBegin } from '#src/routing/usual-begin.ts';
import { stepBehind } from '#src/routing/walk.ts';
import { DecidingGate, type GatedWriter } from './deciding-gate.ts';
import { type Delivery, type InferenceContext, insist, type StepResult } from './delivery.ts';
import { type HedgeStep, openHedge } from './hedge-step.ts';
import {
  callProvider,
  conclude,
  type EndedCall,
  nextStep,
  noteEnded,
  type ReadyCall,
  report,
  settleEnded,
} from './perform-attempt.ts';
import { estimatedInputTokens, pricingOf } from './permit-request.ts';
import type { AttemptSignal } from './run-attempt.ts';
import type { UpstreamCall } from './upstream.ts';

const LOST = createFailure('hedge_lost', 'Another provider began to respond first (hedging).');

/**
 * Whether the provider calls tools on third-party servers (OpenAI's `type: "mcp"`, Anthropic's `mcp_servers`): their effects must
 * not happen twice. Tools of the client with such names (Claude Code's `mcp__…`) do not count.
 */
function callsRemoteTools(body: Buffer): boolean {
  return body.includes('"mcp') && /"(type"\s*:\s*"mcp|mcp_servers")/.test(body.toString('latin1'));
}

/** Whether a second attempt may run concurrently with the next one. Costs nothing for models without hedging. */
export function mayHedge({ spec, job, writer, progress, body }: Delivery): boolean {
  const { hedge } = spec.plan;
  if (hedge === undefined || hedge.isUnwanted || writer.hasAnswered || progress.hedge !== undefined) return false;
  // No client waits for the first token of an answer that is fetched later.
  if (spec.lane !== 'interactive' || spec.lifetime === 'nobody') return false;
  return stepBehind(spec.plan, job.step, progress) !== null && !callsRemoteTools(body);
}

export function raceAttempts(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  ready: ReadyCall,
  permit: Permit,
): Promise<StepResult> {
  return new Race(context, delivery).run(deployment, ready, permit);
}

interface Runner {
  delivery: Delivery;
  deployment: Deployment;
  writer: GatedWriter;
  signal: RunnerSignal;
  call: UpstreamCall | null;
  ended: EndedCall | null;
}

class RunnerSignal implements AttemptSignal {
  failure: Failure | null = null;
  onAbort: ((failure: Failure) => void) | null = null;

  abort(failure: Failure): void {
    if (this.failure !== null) return;
    this.failure = failure;
    this.onAbort?.(failure);
  }
}

/** The second attempt, once it is called. */
interface Hedge {
  runner: Runner;
  admitted: AdmittedHedge;
  /** Resolves when it has ended and, unless it is the answer, is booked. */
  over: Promise<EndedCall>;
}

class Race {
  readonly #context: InferenceContext;
  readonly #delivery: Delivery;
  readonly #gate: DecidingGate;
  readonly #runners: Runner[] = [];
  readonly #settling: Promise<void>[] = [];
  #hedge: Hedge | null = null;
  /** No second attempt may be started. */
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #opening: Promise<void> | null = null;

  constructor(context: InferenceContext, delivery: Delivery) {
    this.#context = context;
    this.#delivery = delivery;
    this.#gate = new DecidingGate(delivery.writer, (winner) => this.#end(LOST, winner));
  }

  async run(deployment: Deployment, ready: ReadyCall, permit: Permit): Promise<StepResult> {
    const { cancellation, writer, progress } = this.#delivery;
    const first = this.#enter(this.#delivery, deployment, this.#gate.enter(writer.attempt));
    if (cancellation.failure !== null) first.signal.abort(cancellation.failure);
    cancellation.onAbort = (failure) => this.#end(failure);
    this.#arm();
    try {
      const ended = await this.#call(first, ready, permit, () => this.#close());
      this.#close();
      // The books of an answer go with its last frame. A hedge that is being opened is no longer wanted, and returns what it takes.
      if (ended.outcome.failure !== null) await this.#opening;
      if (this.#hedge === null) return await conclude(this.#context, this.#delivery, ended);
      return await this.#decide(first, ended, this.#hedge);
    } finally {
      // After an error: nothing is called or written any more.
      this.#end(LOST);
      cancellation.onAbort = null;
      delete this.#delivery.beside;
      // If no second call was made, the next attempt may try one.
      if (this.#hedge === null) this.#delivery.progress = withHedge(this.#delivery.progress, progress.hedge);
    }
  }

  #enter(delivery: Delivery, deployment: Deployment, writer: GatedWriter): Runner {
    const runner: Runner = { delivery, deployment, writer, signal: new RunnerSignal(), call: null, ended: null };
    this.#runners.push(runner);
    return runner;
  }

  async #call(runner: Runner, ready: ReadyCall, permit: Permit, onBegun?: () => void): Promise<EndedCall> {
    const { upstream } = this.#context;
    const { delivery, deployment, writer, signal } = runner;
    const ended = await callProvider(this.#context, delivery, ready, permit, {
      deployment,
      writer,
      signal,
      upstream: {
        ...upstream,
        send: (...sent) => {
          runner.call = upstream.send(...sent);
          return runner.call;
        },
      },
      costBeside: () => this.#costBeside(runner),
      ...(onBegun === undefined ? {} : { onBegun }),
    });
    runner.ended = ended;
    // A complete answer without content is an answer too.
    const { outcome } = ended;
    if (outcome.failure === null && !this.#gate.claim(writer)) outcome.failure = LOST;
    return ended;
  }

  /** Cost of the other attempt: exact if it has ended, as it has for a stream; if it still runs, its prompt. */
  #costBeside(runner: Runner): bigint {
    const other = this.#runners.find((one) => one !== runner);
    if (other === undefined) return 0n;
    if (other.ended !== null) return costOf(other.ended);
    const { delivery, deployment, call } = other;
    if (call?.isSent !== true || isFree(delivery.client)) return 0n;
    const usage = withPrompt(NO_USAGE, estimatedInputTokens(delivery), delivery.spec.serviceTier);
    return pricingOf(this.#context, delivery, deployment).costOfAttempt(usage).cost;
  }

  #end(failure: Failure, except?: GatedWriter): void {
    this.#close();
    for (const { writer, signal } of this.#runners) if (writer !== except) signal.abort(failure);
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const { spec, step } = this.#delivery;
    const { afterMs, atLeastMs } = spec.plan.hedge!;
    const set = (usualMs: number | null, sinceMs: number) => {
      if (usualMs === null || this.#isClosed) return;
      const waitMs = Math.max(usualMs, atLeastMs) - (Date.now() - sinceMs);
      this.#timer = setTimeout(() => {
        this.#opening = this.#open();
      }, waitMs);
    };
    if (afterMs !== undefined) return set(afterMs, Date.now());
    const nowMs = Date.now();
    this.#context.usualBegin
      .read(circuitOf(step), spec.isStream)
      .then((usualMs) => set(usualMs, nowMs), this.#context.onTrouble);
  }

  /** Calls the next step if that is allowed now. Never rejects. */
  async #open(): Promise<void> {
    const writer = this.#gate.enter(0);
    const isWanted = () => !this.#isClosed && !this.#delivery.isLost;
    const opened = await openHedge(this.#context, this.#delivery, writer, isWanted).catch((error: Error) => {
      this.#context.onTrouble(error);
      return 'error' as const;
    });
    const { pool } = this.#delivery.spec.plan.hedge!;
    if (typeof opened === 'string') return this.#context.metrics.hedgeDenied(pool, opened);
    if (opened === null) return;
    this.#delivery.beside = { isHedge: false };
    const runner = this.#enter(opened.delivery, opened.deployment, writer);
    this.#hedge = { runner, admitted: opened.admitted, over: this.#runHedge(runner, opened) };
  }

  async #runHedge(runner: Runner, { ready, permit }: HedgeStep): Promise<EndedCall> {
    const ended = await this.#call(runner, ready, permit);
    if (this.#gate.winner === runner.writer) return ended;
    this.#book(runner, ended);
    const { progress } = this.#delivery;
    const hasFailed = !isLost(ended) && runner.signal.failure === null;
    if (hasFailed) this.#delivery.progress = { ...progress, hedge: { ...progress.hedge!, hasFailed: true } };
    return ended;
  }

  /** Called after the first has ended. */
  async #decide(first: Runner, ended: EndedCall, { runner, admitted, over }: Hedge): Promise<StepResult> {
    const context = this.#context;
    const isFirst = this.#gate.winner === first.writer;
    if (!isFirst) {
      this.#book(first, ended);
      this.#noteSlow(ended);
    }
    const hedged = await over;
    const isHedge = this.#gate.winner === runner.writer;
    const result = isFirst
      ? await conclude(context, first.delivery, ended)
      : isHedge
        ? await conclude(context, runner.delivery, hedged, (failure) => this.#goOn(ended, failure))
        : nextStep(context, first.delivery, ended, ended.outcome.failure!);
    const lost = costOf(isHedge ? ended : hedged);
    context.hedges.correct(admitted, lost).catch(context.onTrouble);
    context.metrics.hedge(admitted.pool, isHedge ? 'won' : resultOf(hedged), lost);
    // An answered request's last command is sent after these.
    if (result.kind !== 'answered') await Promise.all(this.#settling);
    return result;
  }

  /** The hedge's answer broke off: the request is still at the first's step, whose credential and form are not at fault. */
  #goOn(ended: EndedCall, failure: Failure): StepResult {
    const unsaid = { ...ended, credential: null, wasRotated: false, cure: null };
    return nextStep(this.#context, this.#delivery, unsaid, failure);
  }

  #book(runner: Runner, ended: EndedCall): void {
    const { delivery } = runner;
    const entry = noteEnded(delivery, ended);
    this.#settling.push(settleEnded(this.#context, delivery, ended, entry));
    if (this.#runners.some((one) => one !== runner && one.ended === null)) this.#noteProgress();
    report(this.#context, delivery, ended, entry, 'race');
  }

  /** The other attempt may run for minutes: if this worker dies meanwhile, the next delivery knows this one's cost. */
  #noteProgress(): void {
    const { store, workerId } = this.#context;
    const { requestId } = this.#delivery.spec;
    this.#settling.push(insist(this.#context, () => store.noteProgress(requestId, workerId, this.#delivery.progress)));
  }

  /** Otherwise only fast beginnings would count towards the usual time. */
  #noteSlow(ended: EndedCall): void {
    const { spec, step } = this.#delivery;
    if (isLost(ended)) noteBegin(this.#context.speeds, circuitOf(step), spec.isStream, ended.outcome.durationMs);
  }
}

function costOf({ pricing, outcome }: EndedCall): bigint {
  return pricing.costOfAttempt(outcome.usage).cost;
}

function isLost({ outcome: { failure } }: EndedCall): boolean {
  return failure?.code === LOST.code;
}

/** Result of a hedge that was not the answer. */
function resultOf(ended: EndedCall): 'lost' | 'failed' | 'stopped' {
  if (isLost(ended)) return 'lost';
  const { code } = ended.outcome.failure!;
  return code === 'request_cancelled' || code === 'shutting_down' ? 'stopped' : 'failed';
}

function withHedge(progress: Delivery['progress'], hedge: Delivery['progress']['hedge']): Delivery['progress'] {
  const { hedge: _, ...rest } = progress;
  return hedge === undefined ? rest : { ...rest, hedge };
}
