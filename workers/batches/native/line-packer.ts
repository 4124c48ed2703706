// Groups lines into chunks. Only their positions are kept; bodies are read from the input again.
import type { OpenLine } from '#src/batches/input-lines.ts';
import { keyOf, type NativeTarget } from './native-line.ts';

export interface GatheredLine extends OpenLine {
  customId: string;
}

export interface LineGroup {
  target: NativeTarget;
  lines: GatheredLine[];
}

export interface PackerLimits {
  lines: number;
  bytes: number;
}

interface OpenGroup extends LineGroup {
  bytes: number;
  firstAtMs: number;
  lastAtMs: number;
}

/** Share of a provider's size limit that is filled by input bytes: requests are somewhat larger than their lines. */
const PROVIDER_SHARE = 0.75;
/** Without a new line for this long, the file is at its end or the provider has as many lines as it may. */
const IDLE_MS = 1_000;
/** Longest wait of a line for its chunk to fill up. */
const LONGEST_MS = 60_000;

export class LinePacker {
  readonly #limits: PackerLimits;
  readonly #onFull: (group: LineGroup) => void;
  readonly #groups = new Map<string, OpenGroup>();

  constructor(limits: PackerLimits, onFull: (group: LineGroup) => void) {
    this.#limits = limits;
    this.#onFull = onFull;
  }

  add(target: NativeTarget, { number, offset, length, customId }: GatheredLine, nowMs = Date.now()): void {
    const key = keyOf(target);
    const group = this.#groups.get(key) ?? { target, lines: [], bytes: 0, firstAtMs: nowMs, lastAtMs: nowMs };
    this.#groups.set(key, group);
    group.lines.push({ number, offset, length, customId });
    group.bytes += length;
    group.lastAtMs = nowMs;
    const { limits } = target.protocol;
    const isFull = group.lines.length >= Math.min(this.#limits.lines, limits.lines);
    const maxBytes = Math.min(this.#limits.bytes, limits.bytes * PROVIDER_SHARE);
    if (isFull || group.bytes >= maxBytes) this.#flush(key, group);
  }

  /** Submits groups that have waited long enough. */
  flushDue(nowMs = Date.now()): void {
    for (const [key, group] of [...this.#groups]) {
      if (nowMs - group.lastAtMs >= IDLE_MS || nowMs - group.firstAtMs >= LONGEST_MS) this.#flush(key, group);
    }
  }

  /** Empties all groups without submitting them. */
  takeAll(): GatheredLine[] {
    const lines = [...this.#groups.values()].flatMap((group) => group.lines);
    this.#groups.clear();
    return lines;
  }

  #flush(key: string, { target, lines }: OpenGroup): void {
    this.#groups.delete(key);
    this.#onFull({ target, lines });
  }
}
