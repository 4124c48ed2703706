// All state of one simulator: behaviour, limits, faults, and the records of what it did.
import type { Price } from '../../../src/contracts/money.ts';
import type { Behaviour } from '../options.ts';
import { FaultBook } from './faults/fault-book.ts';
import type { FaultRule } from './faults/fault-rule.ts';
import { Admission } from './limits/admission.ts';
import { Bill, priceOf } from './records/bill.ts';
import { RequestLog } from './records/request-log.ts';
import { type Counts, createCounts, type Tally, TallyWatch } from './records/tally.ts';
import type { Script } from './scripts/script.ts';
import { ScriptBook } from './scripts/script-book.ts';

export interface EngineOptions {
  name: string;
  seed: number;
  apiKey: string | null;
  adminKey: string | null;
  faults: readonly FaultRule[];
  scripts: readonly Script[];
  keptRequests: number;
  behaviour: Behaviour;
}

export class Engine {
  readonly name: string;
  readonly seed: number;
  readonly apiKey: string | null;
  readonly adminKey: string | null;
  readonly admission: Admission;
  readonly faults: FaultBook;
  readonly scripts: ScriptBook;
  readonly bill = new Bill();
  readonly log: RequestLog;
  readonly watch: TallyWatch;
  counts: Counts = createCounts();
  #behaviour: Behaviour;
  #prices: ReadonlyMap<string, Price> = new Map();
  #price: Price;

  constructor(options: EngineOptions) {
    const { behaviour } = options;
    this.name = options.name;
    this.seed = options.seed;
    this.apiKey = options.apiKey;
    this.adminKey = options.adminKey;
    this.faults = new FaultBook(options.seed, options.faults);
    this.scripts = new ScriptBook(options.scripts);
    this.log = new RequestLog(options.keptRequests);
    this.admission = new Admission(behaviour, this.now);
    this.watch = new TallyWatch(() => this.tally());
    this.#behaviour = behaviour;
    this.#price = priceOf(behaviour.price);
    this.#compilePrices();
  }

  /** Unix time in milliseconds that never goes backwards. */
  readonly now = (): number => performance.timeOrigin + performance.now();

  get behaviour(): Behaviour {
    return this.#behaviour;
  }

  /** Applies to calls that begin from now on. */
  change(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    this.admission.change(behaviour);
    this.#compilePrices();
  }

  priceFor(model: string): Price {
    return this.#prices.get(model) ?? this.#price;
  }

  tally(): Tally {
    const { counts, admission } = this;
    return structuredClone({ ...counts, inFlight: admission.inFlight, peaks: admission.peaks });
  }

  clearTally(): void {
    this.counts = createCounts(this.counts.openStreams);
    this.admission.clearPeaks();
  }

  #compilePrices(): void {
    const { price, modelPrices } = this.#behaviour;
    this.#price = priceOf(price);
    this.#prices = new Map(Object.entries(modelPrices).map(([model, list]) => [model, priceOf(list)]));
  }
}
