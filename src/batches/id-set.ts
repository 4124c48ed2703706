// Finds repeated ids among millions without keeping them: 64 bits of a hash for each, 16 to 32 bytes of memory. Two
// different ids of a million share a hash once in 30 million files.
import { randomInt } from 'node:crypto';

export interface IdSet {
  /** False when it was added before. */
  add(id: string): boolean;
  readonly size: number;
}

const FIRST_CAPACITY = 1 << 12;

export function createIdSet(): IdSet {
  // Nobody can prepare ids that collide.
  const seed = randomInt(2 ** 32);
  let capacity = FIRST_CAPACITY;
  let slots = new Uint32Array(capacity * 2);
  let size = 0;

  function place(high: number, low: number): boolean {
    let slot = (low ^ high) & (capacity - 1);
    for (;;) {
      const at = slot * 2;
      if (slots[at] === 0 && slots[at + 1] === 0) {
        slots[at] = high;
        slots[at + 1] = low;
        return true;
      }
      if (slots[at] === high && slots[at + 1] === low) return false;
      slot = (slot + 1) & (capacity - 1);
    }
  }

  function grow(): void {
    const before = slots;
    capacity *= 2;
    slots = new Uint32Array(capacity * 2);
    for (let at = 0; at < before.length; at += 2) {
      if (before[at] !== 0 || before[at + 1] !== 0) place(before[at]!, before[at + 1]!);
    }
  }

  return {
    add(id) {
      if (size * 2 >= capacity) grow();
      const [high, low] = hash(id, seed);
      if (!place(high, low)) return false;
      size += 1;
      return true;
    },
    get size() {
      return size;
    },
  };
}

/** cyrb64 (bryc, public domain): two 32-bit halves; never both zero, which marks an empty slot. */
function hash(text: string, seed: number): [high: number, low: number] {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return [(high | 1) >>> 0, low >>> 0];
}
