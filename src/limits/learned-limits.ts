// Limits that are not configured, learned from what providers announce with their answers and, for calls at once, from what
// they refuse, by scope and kind; shared by all
// processes, kept over restarts, forgotten with time. What is announced matters once it is small or half used up: only then is
// it remembered, and in force for a while. A limit that is far away costs nothing.
import { LRUCache } from 'lru-cache';
import { LIMIT_KINDS, type LimitName, type Limits, RATE_KINDS, type RateKind } from '../contracts/limit-kinds.ts';
import type { Scope } from '../contracts/scope.ts';
import type { RateLimitHint } from '../protocols/protocol.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface LearnedLimit {
  scope: string;
  kind: LimitName;
  limit: number;
  /** When a provider last announced or confirmed it. Unix ms. */
  atMs: number;
  /**
   * Only a refusal has said so. It is shown, and never in force: refusals come with a wait of their own, after which a provider
   * that refills its limit bit by bit takes calls long before a minute's window is empty.
   */
  isSaid: boolean;
  isInForce: boolean;
}

export interface LearnedLimits {
  /** @param configured what the configuration says of the scope and of those around it: it comes before what is learned. */
  scopeOf(scope: Scope, configured?: Limits): Scope;
  /** Returns at once. */
  teach(scope: Scope, hint: RateLimitHint): void;
  /** The provider takes no more calls at once. Returns at once. */
  refused(scope: Scope): void;
  /** The provider has answered: where calls at once are limited, more may be possible. Returns at once. */
  served(scope: Scope): void;
  all(): LearnedLimit[];
  refresh(): Promise<void>;
  stop(): void;
}

/** One limit as an answer's headers have it. */
export interface AnnouncedLimit {
  kind: RateKind;
  limit: number;
  used: number;
  /** So much of it is used that it matters. */
  isNear: boolean;
}

/** How late a process knows what another one has learned; what it is told itself it knows at once. */
const REFRESH_MS = 5_000;
/** A limit is written again at most so often in each process. */
const WRITE_AGAIN_MS = 60_000;
/** So long it is in force after a provider has last announced it as near; one of a day for a day. */
const IN_FORCE_MS = 600_000;
/** And so long it is shown. */
const FORGOTTEN_AFTER_MS = 86_400_000;
/** Names of wildcard models come from clients. */
const MAX_LEARNED = 5_000;
/** A limit is near when so much of it is used, and a small one always. */
const NEAR = 0.5;
const SMALL = 100;
/** A limit of a minute is whole again within one. */
const LONGEST_MINUTE_MS = 61_000;

const learnScript = loadLuaScript(import.meta.url, './learn.lua');
const concurrencyScript = loadLuaScript(import.meta.url, './learn-concurrency.lua');
/** learn-concurrency.lua: calls are counted and not limited. */
const COUNTED_ONLY = 1_000_000;
/** Of each process: success is looked at no more often. */
const SERVED_EVERY_MS = 500;

const HINTED = [
  ['Requests', 'requests'],
  ['Tokens', 'tokens'],
  ['InputTokens', 'inputTokens'],
  ['OutputTokens', 'outputTokens'],
] as const;

const HINTED_DAYS = [
  ['Requests', 'requestsPerDay'],
  ['Tokens', 'tokensPerDay'],
] as const;

/** Headers do not say of which period they speak, but their resets do. */
export function readAnnounced(hint: RateLimitHint): AnnouncedLimit[] {
  return [...readMinutes(hint), ...readDays(hint)];
}

/** A refusal names a limit of a day without what remains of it: the broker's own count is all that is known then. */
function readDays(hint: RateLimitHint): AnnouncedLimit[] {
  return HINTED_DAYS.flatMap(([name, kindName]) => {
    const limit = hint[`limit${name}Day`];
    const remaining = hint[`remaining${name}Day`];
    if (limit === undefined || !(limit >= 1) || !Number.isInteger(limit)) return [];
    const kind = RATE_KINDS.find((row) => row.name === kindName)!;
    const used = remaining === undefined ? 0 : Math.max(0, limit - remaining);
    return [{ kind, limit, used, isNear: remaining === undefined || used >= limit * NEAR || limit <= SMALL }];
  });
}

function readMinutes(hint: RateLimitHint): AnnouncedLimit[] {
  return HINTED.flatMap(([name, measure]) => {
    const limit = hint[`limit${name}`];
    const remaining = hint[`remaining${name}`];
    // Where input and output are limited apart, their sum is a summary of both.
    if (name === 'Tokens' && hint.limitInputTokens !== undefined) return [];
    if (limit === undefined || remaining === undefined || !(limit >= 1) || !Number.isInteger(limit)) return [];
    const used = Math.max(0, limit - remaining);
    const isOfDay = (hint[`reset${name}Ms`] ?? 0) > LONGEST_MINUTE_MS;
    const kind = RATE_KINDS.find((row) => row.measure === measure && row.periodMs > 60_000 === isOfDay);
    return kind === undefined ? [] : [{ kind, limit, used, isNear: used >= limit * NEAR || limit <= SMALL }];
  });
}

function fieldOf(scope: string, kind: string): string {
  return `${kind} ${scope}`;
}

export async function createLearnedLimits(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
  onRefresh: (learned: LearnedLimit[]) => void = () => undefined,
): Promise<LearnedLimits> {
  /** By field of the hash. */
  let known = new Map<string, LearnedLimit>();
  /** Scopes with what is in force there, until the next change. */
  let scopes = new Map<string, Scope>();
  const servedAtMs = new LRUCache<string, number>({ max: MAX_LEARNED });

  function note(entry: LearnedLimit): void {
    known.set(fieldOf(entry.scope, entry.kind), entry);
    scopes = new Map();
  }

  async function write(scope: string, { kind, limit, used }: AnnouncedLimit, isSaid = false): Promise<void> {
    const field = fieldOf(scope, kind.name);
    const keys = [keyspace.learnedLimits, keyspace.scope(scope).window];
    note({ scope, kind: kind.name, limit, atMs: Date.now(), isSaid, isInForce: !isSaid });
    await runScript(redis, learnScript, keys, [field, limit, used, kind.field, kind.periodMs, isSaid ? SAID : '']);
  }

  async function learnConcurrency(scope: string, what: 'refused' | 'served'): Promise<void> {
    const field = fieldOf(scope, 'concurrency');
    const keys = [keyspace.learnedLimits, keyspace.scope(scope).leases];
    const reply = (await runScript(redis, concurrencyScript, keys, [field, what, IN_FORCE_MS])) as
      | [number, number]
      | null;
    if (reply === null) return;
    const [limit, atMs] = reply;
    if (known.get(field)?.limit === limit) return;
    note({ scope, kind: 'concurrency', limit, atMs, isSaid: false, isInForce: true });
  }

  async function refresh(): Promise<void> {
    const entries = Object.entries(await redis.hgetall(keyspace.learnedLimits)).map(readEntry);
    const old = entries.filter((entry) => Date.now() - entry.atMs > FORGOTTEN_AFTER_MS);
    known = new Map(
      entries.filter((entry) => !old.includes(entry)).map((entry) => [fieldOf(entry.scope, entry.kind), entry]),
    );
    scopes = new Map();
    if (old.length > 0) {
      await redis.hdel(keyspace.learnedLimits, ...old.map(({ scope, kind }) => fieldOf(scope, kind)));
    }
    onRefresh(all());
  }

  const all = () => [...known.values()].filter(({ limit, kind }) => kind !== 'concurrency' || limit < COUNTED_ONLY);

  await refresh();
  const timer = setInterval(() => void refresh().catch(onError), REFRESH_MS);
  return {
    scopeOf(scope, configured = {}) {
      if (known.size === 0) return scope;
      let learned = scopes.get(scope.name);
      if (learned === undefined) {
        learned = withLearned(scope, configured, known);
        if (scopes.size < MAX_LEARNED) scopes.set(scope.name, learned);
      }
      return learned;
    },
    teach({ name }, hint) {
      for (const announced of readAnnounced(hint)) {
        const before = known.get(fieldOf(name, announced.kind.name));
        if (before === undefined && (!announced.isNear || known.size >= MAX_LEARNED)) continue;
        const isNews = before?.limit !== announced.limit;
        // One that is far away again is forgotten in time; one that has changed is another limit, near or not.
        const isDue = announced.isNear && Date.now() - (before?.atMs ?? 0) > WRITE_AGAIN_MS;
        if (isNews || isDue) write(name, announced).catch(onError);
      }
      for (const said of hint.said === undefined ? [] : readAnnounced(hint.said)) {
        const before = known.get(fieldOf(name, said.kind.name));
        const isNews = before === undefined ? known.size < MAX_LEARNED : before.isSaid && before.limit !== said.limit;
        if (isNews) write(name, said, true).catch(onError);
      }
    },
    refused({ name }) {
      const hasRoom = known.has(fieldOf(name, 'concurrency')) || known.size < MAX_LEARNED;
      if (hasRoom) learnConcurrency(name, 'refused').catch(onError);
    },
    served({ name }) {
      if (known.size === 0 || !known.has(fieldOf(name, 'concurrency'))) return;
      if (Date.now() - (servedAtMs.get(name) ?? 0) < SERVED_EVERY_MS) return;
      servedAtMs.set(name, Date.now());
      learnConcurrency(name, 'served').catch(onError);
    },
    all,
    refresh,
    stop: () => clearInterval(timer),
  };
}

function withLearned(scope: Scope, configured: Limits, known: ReadonlyMap<string, LearnedLimit>): Scope {
  const limits: Limits = {};
  for (const { name } of LIMIT_KINDS) {
    const entry = known.get(fieldOf(scope.name, name));
    const isFree = scope.limits[name] === undefined && configured[name] === undefined;
    if (entry?.isInForce && isFree) limits[name] = entry.limit;
  }
  const learned = Object.keys(limits) as LimitName[];
  return learned.length === 0 ? scope : { ...scope, limits: { ...scope.limits, ...limits }, learned };
}

/** Behind limit and time of an entry (learn.lua). */
const SAID = 'said';

function readEntry([field, value]: [string, string]): LearnedLimit {
  const space = field.indexOf(' ');
  const kind = field.slice(0, space) as LimitName;
  const [limitText, atText, source] = value.split(' ');
  const [limit, atMs] = [Number(limitText), Number(atText)];
  const isSaid = source === SAID;
  const periodMs = RATE_KINDS.find(({ name }) => name === kind)?.periodMs ?? 0;
  const isInForce = !isSaid && Date.now() - atMs < Math.max(IN_FORCE_MS, periodMs);
  return { scope: field.slice(space + 1), kind, limit, atMs, isSaid, isInForce };
}
