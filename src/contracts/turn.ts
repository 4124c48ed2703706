// Whose turn it is among requests that wait: keys take turns by their weights, and the requests of one key come by priority,
// then in order of acceptance (docs/decisions/2026-11-28-fair-turns.md).

/** Among the requests of one key. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export interface Turn {
  /** Who takes it: `<key id>*<weight>`. A key whose weight changes is another one from then on. */
  owner: string;
  /** How far it moves its owner back, behind the others: what it takes, divided by the weight. */
  cost: number;
  /** Among the requests of its owner, lowest first: always 15 digits, so that texts sort as numbers do. */
  order: number;
}

/** More than any unix time in milliseconds. */
const ORDER_STEP = 1e14;

export function turnOrder(acceptedAtMs: number, priority: Priority = 'normal'): number {
  return (PRIORITIES.indexOf(priority) + 1) * ORDER_STEP + acceptedAtMs;
}

/** As the scripts of the queue take it (src/queue/fair-turns.lua). */
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
