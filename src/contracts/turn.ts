// The order among waiting requests: keys take turns by their weights; the requests of one key are ordered by priority, then
// by acceptance (docs/decisions/2026-11-28-fair-turns.md).

/** Priorities among the requests of one key. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export interface Turn {
  /** The owner: `<key id>*<weight>`. A key whose weight changes is a new owner from then on. */
  owner: string;
  /** How far it moves its owner back in the order: what the request uses, divided by the weight. */
  cost: number;
  /** Order among the requests of its owner, lowest first. Always 15 digits, so that texts sort like numbers. */
  order: number;
}

/** More than any unix time in milliseconds. */
const ORDER_STEP = 1e14;

export function turnOrder(acceptedAtMs: number, priority: Priority = 'normal'): number {
  return (PRIORITIES.indexOf(priority) + 1) * ORDER_STEP + acceptedAtMs;
}

/** In the form that the queue's scripts expect (src/queue/fair-turns.lua). */
export function writeTurn({ owner, cost, order }: Turn): string {
  return `${order} ${cost} ${owner}`;
}

export function ownerOf(keyId: string, weight: number): string {
  return `${keyId}*${weight}`;
}

export function weightOf(owner: string): number {
  const weight = Number(owner.slice(owner.lastIndexOf('*') + 1));
  return weight > 0 ? weight : 1;
}
