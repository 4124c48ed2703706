// Runs lines as ordinary requests in the batch lane. The request id of a try is derived from batch, line and try, so
// accepting is idempotent across processes: a new owner accepts the same ids again and finds their state. Records stay
// until the line's result is stored, those of failed tries included.
import { isWait, type LineResult, retryWaitMs } from '#src/batches/line-result.ts';
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { Frame, HeadMeta } from '#src/contracts/frame.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { RequestView } from '#src/reply/request-store.ts';
import type { LineSubmission } from './accept-lines.ts';
import type { BatchContext } from './batch-context.ts';
import { costToReserve, createLineRequest, type LineOrigin, requestIdOf } from './line-request.ts';
import type { LineRunner, LineRunnerHooks, RunnableLine, StopReason } from './line-runner.ts';
import { createRunningLine, LOOK_AFTER_MS, LostLines, type RunningLine, stopLines } from './running-lines.ts';

const BUDGET_RETRY_MS = 1_000;
/** Thousands of lines wait for their turn: each reads its log only rarely, in case an announcement was lost. */
const SILENCE_MS = 10_000;

export class RequestRunner implements LineRunner {
  readonly #context: BatchContext;
  readonly #origin: LineOrigin;
  readonly #hooks: LineRunnerHooks;
  readonly #running = new Map<number, RunningLine>();
  /** Line → number of tries, until its result is stored. */
  readonly #tries = new Map<number, number>();
  readonly #lost: LostLines;
  readonly #watch: NodeJS.Timeout;
  /** How many of the next lines an earlier owner may have started. */
  #maybeBegun: number;
  #stopReason: StopReason | null = null;
  #isAbandoned = false;

  /** @param maybeBegun 0 for a batch without an earlier owner. */
  constructor(context: BatchContext, origin: LineOrigin, hooks: LineRunnerHooks, maybeBegun: number) {
    this.#context = context;
    this.#origin = origin;
    this.#hooks = hooks;
    this.#maybeBegun = maybeBegun;
    this.#lost = new LostLines(context);
    this.#watch = setInterval(() => void this.#lookForLost(), LOOK_AFTER_MS);
  }

  async start(lines: readonly RunnableLine[]): Promise<void> {
    for (const line of lines) this.#enter(line);
    await this.#submit(lines);
    this.#maybeBegun = Math.max(0, this.#maybeBegun - lines.length);
  }

  async join(lines: readonly RunnableLine[], reason: StopReason): Promise<void> {
    this.#stopReason = reason;
    for (const line of lines) {
      const running = this.#enter(line);
      const view = await this.#readLastTry(running);
      if (view === null) this.#end(running, { kind: reason });
      else {
        this.#listen(running, view.spec);
        running.isAccepted = true;
      }
    }
    this.stop(reason);
  }

  /** Null for a line that was never started. */
  async #readLastTry(line: RunningLine): Promise<RequestView | null> {
    let last: RequestView | null = null;
    for (let tryNumber = line.tryNumber; ; tryNumber++) {
      const view = await this.#context.store.read(requestIdOf(this.#origin, line.number, tryNumber));
      if (view === null) return last;
      last = view;
      line.tryNumber = tryNumber;
      this.#tries.set(line.number, tryNumber);
    }
  }

  stop(reason: StopReason): void {
    this.#stopReason = reason;
    void this.#stopAll(reason).catch((error: Error) => this.#context.onTrouble(error));
  }

  async forget(numbers: readonly number[]): Promise<void> {
    const requestIds = numbers.flatMap((number) =>
      Array.from({ length: this.#tries.get(number) ?? 0 }, (_, index) => requestIdOf(this.#origin, number, index + 1)),
    );
    for (const number of numbers) this.#tries.delete(number);
    if (requestIds.length > 0) await this.#context.store.forget(requestIds);
  }

  abandon(): void {
    this.#isAbandoned = true;
    clearInterval(this.#watch);
    for (const line of this.#running.values()) {
      line.subscription?.close();
      if (line.timer !== null) clearTimeout(line.timer);
    }
    this.#running.clear();
  }

  #enter(line: RunnableLine): RunningLine {
    const running = createRunningLine(line);
    this.#running.set(line.number, running);
    return running;
  }

  /** Order matters here: the reply is subscribed to before the request is written. */
  async #submit(lines: readonly RunnableLine[]): Promise<void> {
    const submissions: (LineSubmission & { number: number })[] = [];
    for (const line of lines) {
      const running = this.#running.get(line.number);
      if (running === undefined) continue;
      const submission = await this.#prepare(line, running.tryNumber);
      if (isFailure(submission)) {
        this.#answerFailure(running, submission);
        continue;
      }
      const { spec } = submission;
      if (!(await this.#reserve(running, spec))) continue;
      // Stopped in the meantime: it has its result.
      if (!this.#running.has(line.number)) {
        if (spec.budgetHold !== null) await this.#context.budgets.giveBack(spec.budgetHold, spec.requestId);
        continue;
      }
      this.#tries.set(line.number, running.tryNumber);
      this.#listen(running, spec);
      submissions.push({ ...submission, number: line.number });
    }
    await this.#context.acceptLines(
      submissions,
      ({ number, spec }) => !this.#isAbandoned && this.#running.get(number)?.spec === spec,
    );
    for (const { number, spec } of submissions) {
      const line = this.#running.get(number);
      if (line?.spec === spec) line.isAccepted = true;
    }
  }

  async #prepare({ body: bytes, ...line }: RunnableLine, tryNumber: number): Promise<LineSubmission | Failure> {
    const { key } = this.#origin;
    const body = await this.#context.fileResolver.resolve(key.id, { bytes, value: line.value });
    if (isFailure(body)) return body;
    const spec = createLineRequest(this.#context, this.#origin, line, tryNumber);
    if (isFailure(spec)) return spec;
    const trace = this.#context.tracing?.begin(this.#origin.batch, line.number, spec.requestId);
    return { spec: trace === undefined ? spec : { ...spec, trace }, body: body.bytes };
  }

  /** False if the line waits for its key's budget, or was refused for it. */
  async #reserve(line: RunningLine, spec: RequestSpec): Promise<boolean> {
    const cost = costToReserve(this.#context, this.#origin, spec);
    if (cost === null) return true;
    // An earlier owner's request has its reservation; a second one would never be settled.
    const known = this.#maybeBegun > 0 ? await this.#context.store.read(spec.requestId) : null;
    if (known !== null) {
      spec.budgetHold = known.spec.budgetHold;
      return true;
    }
    const { key, batch } = this.#origin;
    const { requestId, acceptedAtMs } = spec;
    const request = { requestId, cost, acceptedAtMs, untilMs: batch.expiresAtMs };
    const reservation = await this.#context.budgets.reserve(key, request);
    if (reservation.kind === 'reserved') spec.budgetHold = reservation.reservation;
    if (reservation.kind !== 'exhausted') return true;
    // Lines in flight reserve more than they cost: when they end, part of the budget becomes free.
    if (this.#hasRequests()) this.#tryLater(line, BUDGET_RETRY_MS);
    else this.#answerFailure(line, createFailure('budget_exhausted', 'The budget of this key is exhausted.'));
    return false;
  }

  #hasRequests(): boolean {
    for (const line of this.#running.values()) if (line.spec !== null) return true;
    return false;
  }

  #listen(line: RunningLine, spec: RequestSpec): void {
    line.spec = spec;
    line.isAccepted = false;
    line.startedAtMs = Date.now();
    line.head = null;
    line.pieces = [];
    // An earlier owner's request may already have its answer: the log is read at once.
    const options = { silenceMs: SILENCE_MS, ...(this.#maybeBegun > 0 ? { joins: 'here' as const } : {}) };
    line.subscription = this.#context.subscriber.open(spec.requestId, (frame) => this.#accept(line, frame), options);
  }

  #accept(line: RunningLine, frame: Frame): void {
    switch (frame.kind) {
      case 'head':
        line.head = JSON.parse(frame.meta) as HeadMeta;
        line.pieces = [frame.bytes];
        if (line.head.isWhole) this.#answer(line);
        return;
      case 'data':
        line.pieces.push(frame.bytes);
        return;
      case 'end':
        line.pieces.push(frame.bytes);
        return this.#answer(line);
      case 'fail':
        return this.#fail(line, JSON.parse(frame.meta) as Failure);
      case 'fence':
        return;
    }
  }

  #answer(line: RunningLine): void {
    const body = line.pieces.length === 1 ? line.pieces[0]! : Buffer.concat(line.pieces);
    this.#end(line, { kind: 'answered', requestId: line.spec!.requestId, status: line.head?.status ?? 200, body });
  }

  #fail(line: RunningLine, failure: Failure): void {
    const { batch } = this.#origin;
    if (this.#stopReason !== null) return this.#end(line, { kind: this.#stopReason });
    if (Date.now() >= batch.expiresAtMs) return this.#end(line, { kind: 'expired' });
    const waitMs = retryWaitMs(failure, line, this.#context.configuration.batches.line_tries - 1);
    if (waitMs === null) return this.#answerFailure(line, failure);
    this.#context.metrics.lineRetried(failure.code);
    if (!isWait(failure)) line.faults += 1;
    line.tryNumber += 1;
    this.#tryLater(line, waitMs);
  }

  #answerFailure(line: RunningLine, failure: Failure): void {
    const requestId = line.spec?.requestId ?? requestIdOf(this.#origin, line.number, line.tryNumber);
    const { status, body } = this.#origin.client.encodeFailure(failure, requestId);
    this.#end(line, { kind: 'answered', requestId, status, body });
  }

  #end(line: RunningLine, result: LineResult): void {
    if (!this.#running.delete(line.number)) return;
    line.subscription?.close();
    if (line.timer !== null) clearTimeout(line.timer);
    this.#context.tracing?.end(line.spec, result.kind);
    this.#hooks.onResult(line, result);
  }

  #tryLater(line: RunningLine, waitMs: number): void {
    line.subscription?.close();
    line.subscription = null;
    this.#context.tracing?.end(line.spec, 'retried');
    line.spec = null;
    line.timer = setTimeout(() => {
      line.timer = null;
      void this.#tryAgain(line).catch((error) => {
        this.#context.onTrouble(error as Error);
        if (this.#running.has(line.number) && !this.#isAbandoned) this.#tryLater(line, BUDGET_RETRY_MS);
      });
    }, waitMs);
  }

  async #tryAgain(line: RunningLine): Promise<void> {
    const loaded = await this.#hooks.reload(line);
    if (!this.#isAbandoned && this.#running.has(line.number)) await this.#submit([loaded]);
  }

  /** Lines whose requests Redis lost are retried. */
  async #lookForLost(): Promise<void> {
    const lost = await this.#lost.find(this.#running.values()).catch(() => []);
    for (const line of lost) {
      // An overlapping check may have found it too.
      if (this.#isAbandoned || line.spec === null || !this.#running.has(line.number)) continue;
      this.#fail(line, createFailure('stream_interrupted', 'Redis lost the request in an outage.'));
    }
  }

  async #stopAll(reason: StopReason): Promise<void> {
    await stopLines(this.#context, this.#running, {
      isAbandoned: () => this.#isAbandoned,
      onStopped: (line) => this.#end(line, { kind: reason }),
    });
  }
}
