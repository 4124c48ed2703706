/** Where Redis is. Exactly one of the three forms. */
export type RedisAddress =
  | { kind: 'standalone'; url: string }
  | { kind: 'cluster'; urls: string[] }
  | { kind: 'sentinel'; urls: string[]; name: string };
