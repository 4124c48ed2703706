import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownerOf, type Turn, turnOrder } from '#src/contracts/turn.ts';
import { FairOrder } from '#src/limits/fair-order.ts';
import { othersWithin, ownBefore } from '#src/limits/forecast.ts';

interface Asked extends Turn {
  name: string;
}

let acceptedAtMs = 0;

function asked(name: string, key: string, weight = 1, size = 1): Asked {
  acceptedAtMs += 1;
  return { name, owner: ownerOf(key, weight), cost: size / weight, order: turnOrder(acceptedAtMs) };
}

function takeAll(order: FairOrder<Asked>, atMost = Number.POSITIVE_INFINITY): Asked[] {
  const taken: Asked[] = [];
  for (let next = order.first(); next !== undefined && taken.length < atMost; next = order.first()) {
    order.take(next);
    taken.push(next);
  }
  return taken;
}

const add = (order: FairOrder<Asked>, ...all: Asked[]) => {
  for (const one of all) order.add(one, one);
};

describe('turns', () => {
  test('a single request passes a burst that came before it', () => {
    const order = new FairOrder<Asked>();
    add(order, ...Array.from({ length: 100 }, (_, n) => asked(`a${n}`, 'a')));
    takeAll(order, 10);
    add(order, asked('b', 'b'));
    expect(takeAll(order, 1)[0]!.name).toBe('b');
  });

  test('one request after the other does not give more than a share', () => {
    const order = new FairOrder<Asked>();
    add(order, ...Array.from({ length: 20 }, (_, n) => asked(`a${n}`, 'a')));
    const taken: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      // The other key always has one request there, and sends the next as soon as it has its turn.
      if (taken.at(-1) !== 'a') add(order, asked('b', 'b'));
      taken.push(takeAll(order, 1)[0]!.owner[0]!);
    }
    expect(taken.filter((owner) => owner === 'a')).toHaveLength(10);
  });

  test('within a key, priority decides, then acceptance; a returning request has its old place', () => {
    const order = new FairOrder<Asked>();
    const low = { ...asked('low', 'a'), order: turnOrder(1, 'low') };
    const early = asked('early', 'a');
    const late = asked('late', 'a');
    const high = { ...asked('high', 'a'), order: turnOrder(9_999, 'high') };
    add(order, low, late, early, high);
    order.delete(early);
    add(order, early);
    expect(order.inOrder().map(({ name }) => name)).toEqual(['high', 'early', 'late', 'low']);
    expect(takeAll(order).map(({ name }) => name)).toEqual(['high', 'early', 'late', 'low']);
  });

  test('only a postponed owner is skipped', () => {
    const order = new FairOrder<Asked>();
    add(order, asked('a', 'a'), asked('b', 'b'));
    expect(order.first((owner) => owner.startsWith('a'))!.name).toBe('b');
    expect(order.first(() => true)).toBeUndefined();
  });
});

const weights = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 5 });
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 40, maxLength: 40 });

describe('compared with a model in which all waiting keys are served at the same time by weight', () => {
  test('no key is behind its share by more than the largest request of each key', () => {
    fc.assert(
      fc.property(weights, sizes, (each, taken) => {
        const order = new FairOrder<Asked>();
        for (const [key, weight] of each.entries()) {
          add(order, ...taken.map((size, n) => asked(`${key}-${n}`, String(key), weight, size)));
        }
        const served = each.map(() => 0);
        const left = each.map(() => taken.length);
        while (left.every((count) => count > 0)) {
          const next = takeAll(order, 1)[0]!;
          const key = Number(next.owner.split('*')[0]);
          served[key]! += next.cost;
          left[key]! -= 1;
          // While all wait, the model has given each key the same per weight: two differ by two requests at most.
          const most = Math.max(...served.map((amount, at) => amount - 20 / each[at]!));
          expect(Math.min(...served.map((amount, at) => amount + 20 / each[at]!))).toBeGreaterThanOrEqual(most - 1e-9);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('each request has one turn, and the requests of a key keep their order, whatever arrives and leaves', () => {
    const steps = fc.array(fc.record({ key: fc.nat(4), does: fc.constantFrom('add', 'add', 'take', 'leave') }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const order = new FairOrder<Asked>();
        const waiting: Asked[] = [];
        const turns: Asked[] = [];
        for (const [at, { key, does }] of all.entries()) {
          const next = order.first();
          if (does === 'add') {
            waiting.push(asked(String(at), String(key), key + 1));
            add(order, waiting.at(-1)!);
          } else if (next !== undefined && does === 'take') {
            expect(order.take(next)).toBe(true);
            expect(waiting.filter(({ owner }) => owner === next.owner)[0]).toBe(next);
            turns.push(next);
            waiting.splice(waiting.indexOf(next), 1);
          } else if (waiting.length > 0 && does === 'leave') {
            const [gone] = waiting.splice(key % waiting.length, 1);
            expect(order.delete(gone!)).toBe(true);
            expect(order.take(gone!)).toBe(false);
          }
          expect(order.size).toBe(waiting.length);
          expect(order.first()).toBe(order.inOrder()[0]);
        }
        expect(new Set(turns).size).toBe(turns.length);
        expect(takeAll(order)).toHaveLength(waiting.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the place in a shared wait queue', () => {
  const owners = new Map([
    [ownerOf('burst', 1), 10_000],
    [ownerOf('other', 1), 1],
    [ownerOf('heavy', 4), 50],
  ]);
  const queue = { requests: 10_051, owners };

  test('a single request has one turn of each other key before it, by weight', () => {
    const own = ownerOf('other', 1);
    expect(ownBefore(queue, own, 10_050)).toBe(0);
    expect(othersWithin(queue, own, 1)).toBe(1 + 4);
  });

  test('the last of a burst waits for its own key and for all others that wait', () => {
    const own = ownerOf('burst', 1);
    const before = ownBefore(queue, own, 10_050);
    expect(before).toBeGreaterThan(9_990);
    expect(othersWithin(queue, own, before + 1)).toBe(51);
  });
});
