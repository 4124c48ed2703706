// Start-time fair queueing over owners (src/contracts/turn.ts) within one process; permit.lua and src/queue/fair-turns.lua do the
// same in Redis. Pure.
import type { Turn } from '../contracts/turn.ts';

interface Item<T> {
  value: T;
  turn: Turn;
}

interface Owner<T> {
  /** Virtual start time of its next turn. */
  start: number;
  /** Sorted by the order among the owner's items. */
  items: Item<T>[];
}

/** Beyond this, finish times are dropped; the next turn of a dropped owner comes slightly early. */
const MOST_OWNERS = 10_000;

export class FairOrder<T> {
  readonly #owners = new Map<string, Owner<T>>();
  /** Finish times of owners without items whose last turn ends after the clock, so that adding items one by one gains nothing. */
  readonly #paid = new Map<string, number>();
  /** The virtual clock: start of the last turn taken. */
  #clock = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** After the owner's items with the same order. */
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

  /** Removes it without charging a turn; false if it is not there. */
  delete(value: T): boolean {
    return this.#remove(value) !== null;
  }

  /** Removes it and charges its owner for the turn; false if it is not there. */
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

  /** The next item. @param isPutOff owners to skip for now. */
  first(isPutOff: (owner: string) => boolean = () => false): T | undefined {
    let best: Owner<T> | undefined;
    for (const [name, owner] of this.#owners) {
      if ((best === undefined || isBefore(owner, best)) && !isPutOff(name)) best = owner;
    }
    return best?.items[0]?.value;
  }

  /** Items in the order of their turns, as if nothing were added. @param of only this owner's items. */
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
