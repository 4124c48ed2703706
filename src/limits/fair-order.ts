// Fair turns within one process: start-time fair queueing over owners (src/contracts/turn.ts), as permit.lua and
// src/queue/fair-turns.lua have it in Redis. Pure.
import type { Turn } from '../contracts/turn.ts';

interface Item<T> {
  value: T;
  turn: Turn;
}

interface Owner<T> {
  /** Where its next turn starts on the virtual clock. */
  start: number;
  /** In their own order. */
  items: Item<T>[];
}

/** Who is forgotten among more has its next turn a little early. */
const MOST_OWNERS = 10_000;

export class FairOrder<T> {
  readonly #owners = new Map<string, Owner<T>>();
  /** Owners of whom nothing waits, and whose last turn ends ahead of the clock: one by one is no way to more than a share. */
  readonly #paid = new Map<string, number>();
  /** Where the last turn that was taken began. */
  #clock = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Behind what its owner has of the same order. */
  add(value: T, turn: Turn): void {
    let owner = this.#owners.get(turn.owner);
    if (owner === undefined) {
      owner = { start: Math.max(this.#clock, this.#paid.get(turn.owner) ?? 0), items: [] };
      this.#owners.set(turn.owner, owner);
      this.#paid.delete(turn.owner);
    }
    const place = owner.items.findLastIndex(({ turn: { order } }) => order <= turn.order);
    owner.items.splice(place + 1, 0, { value, turn });
    this.#size += 1;
  }

  /** Takes it out without having had its turn; false where it is not there. */
  delete(value: T): boolean {
    return this.#remove(value) !== null;
  }

  /** It has its turn: its owner's next one comes later for it. False where it is not there. */
  take(value: T): boolean {
    const taken = this.#remove(value);
    if (taken === null) return false;
    const { owner, item, start } = taken;
    this.#clock = Math.max(this.#clock, start);
    const finish = start + item.turn.cost;
    const left = this.#owners.get(owner);
    if (left !== undefined) left.start = finish;
    else this.#paid.set(owner, finish);
    this.#forgetPaid();
    return true;
  }

  /** @param isPutOff owners that are passed over for now. */
  first(isPutOff: (owner: string) => boolean = () => false): T | undefined {
    let best: Owner<T> | undefined;
    for (const [name, owner] of this.#owners) {
      if ((best === undefined || isBefore(owner, best)) && !isPutOff(name)) best = owner;
    }
    return best?.items[0]?.value;
  }

  /** In the order in which they will have their turns, if nobody else comes. @param of one owner's only. */
  inOrder(of?: string): T[] {
    const all = [...this.#owners]
      .filter(([name]) => of === undefined || name === of)
      .flatMap(([, { start, items }]) => {
        let at = start;
        return items.map(({ value, turn: { cost, order } }) => {
          const placed = { value, at, order };
          at += cost;
          return placed;
        });
      });
    return all.sort((a, b) => a.at - b.at || a.order - b.order).map(({ value }) => value);
  }

  #forgetPaid(): void {
    if (this.#size === 0 || this.#paid.size > MOST_OWNERS) this.#paid.clear();
    for (const [other, end] of this.#paid) if (end <= this.#clock) this.#paid.delete(other);
  }

  #remove(value: T): { owner: string; item: Item<T>; start: number } | null {
    for (const [name, { items, start }] of this.#owners) {
      const index = items.findIndex((item) => item.value === value);
      if (index < 0) continue;
      const [item] = items.splice(index, 1);
      if (items.length === 0) {
        this.#owners.delete(name);
        if (start > this.#clock) this.#paid.set(name, start);
      }
      this.#size -= 1;
      return { owner: name, item: item!, start };
    }
    return null;
  }
}

function isBefore<T>(a: Owner<T>, b: Owner<T>): boolean {
  return a.start < b.start || (a.start === b.start && a.items[0]!.turn.order < b.items[0]!.turn.order);
}
