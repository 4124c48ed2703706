// Learns limits that are not configured: from the headers of answers, from limits that refusals name and, for concurrency, from
// refusals themselves. Learned limits are kept by scope and kind in Redis, shared by all processes, survive restarts and expire.
// An announced limit is stored, and in force for a while, only if it is small or at least half used up: limits that are far away
// cost nothing. The script that makes a change publishes it to all processes.
import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import { type Amounts, LIMIT_KINDS, type LimitName, type Limits, RATE_KINDS } from '../contracts/limit-kinds.ts';
import type { Scope } from '../contracts/scope.ts';
import type { RateLimitHint } from '../protocols/protocol.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { type AnnouncedLimit, LONGEST_MINUTE_MS, readAnnounced } from './announced-limits.ts';

export interface LearnedLimit {
  scope: string;
  kind: LimitName;
  limit: number;
  /** When a provider last announced or confirmed it. Unix ms. */
  atMs: number;
  /** Known from refusals only. In force once the counted usage corroborates it (learn-said.lua). */
  isSaid: boolean;
  /** Its usage is counted, whether or not it is in force. */
  isCounted: boolean;
  isInForce: boolean;
}

export interface LearnedLimits {
  /** The scope with its learned limits. @param configured limits of this and of enclosing scopes; they take precedence. */
  scopeOf(scope: Scope, configured?: Limits): Scope;
  /** A scope returned by `scopeOf`, with the current limits. */
  current(scope: Scope): Scope;
  /** Returns at once. */
  teach(scope: Scope, hint: RateLimitHint, refusal?: LimitRefusal): void;
  /** The provider refused a call because of its concurrency limit. Returns at once. */
  refused(scope: Scope): void;
  /** The provider answered: a learned concurrency limit may be raised. Returns at once. */
  served(scope: Scope): void;
  all(): LearnedLimit[];
  refresh(): Promise<void>;
  stop(): void;
}

/** The refusal that came with a hint. */
export interface LimitRefusal {
  /** The wait that it asked for; absent if none. */
  waitMs?: number | undefined;
  /** The amounts counted for the refused call. */
  counted: Amounts;
}

export interface LearnedLimitsOptions {
  redis: RedisClient;
  /** A connection in the `subscriber` profile; others may listen on it too. */
  subscription: RedisClient;
  keyspace: Keyspace;
  onError: (error: Error) => void;
  onRefresh?: (learned: LearnedLimit[]) => void;
  /** Called when counting the concurrency of this scope starts, so that calls in flight are included. */
  onCounted?: (scopeName: string) => void;
}

/** A process that missed a notification learns of the change within this time. */
const REFRESH_MS = 5_000;
/** Minimum interval between writes of the same limit, per process; the second if little of it is left. */
const WRITE_AGAIN_MS = 60_000;
const WRITE_SOON_MS = 1_000;
/** How long a limit is in force after a provider last announced it as near; a daily limit is in force for a day. */
const IN_FORCE_MS = 600_000;
/** How long it is listed. */
const FORGOTTEN_AFTER_MS = 86_400_000;
/** Bounds memory: names of wildcard models come from clients. */
const MAX_LEARNED = 5_000;
/** Refusals that must agree with a minute of counted usage (learn-said.lua), to exclude coincidence. */
const CORROBORATED = 2;
/** Minimum interval per process: a burst of refusals carries the same information. */
const SAID_EVERY_MS = 50;

/** Resolution and length of the history of a limit's announced usage. */
const TOLD_EVERY_MS = 1_000;
const TOLD_MS = 60_000;

const learnScript = loadLuaScript(import.meta.url, './learn.lua');
const saidScript = loadLuaScript(import.meta.url, './learn-said.lua');
const concurrencyScript = loadLuaScript(import.meta.url, './learn-concurrency.lua');
/** As in learn-concurrency.lua: calls are counted but not limited. */
const COUNTED_ONLY = 1_000_000;
/** Minimum interval between evaluations of successes, per process and scope. */
const SERVED_EVERY_MS = 500;

function fieldOf(scope: string, kind: string): string {
  return `${kind} ${scope}`;
}

interface KnownScope {
  /** The limits passed to `scopeOf`. */
  limits: Limits;
  configured: Limits;
  /** The scope with its learned limits; null until it is next requested. */
  learned: Scope | null;
}

/** Usage that the provider reported. */
interface Told {
  atMs: number;
  used: number;
}

/** Lower bounds of the usage added between answers: usage that expired meanwhile is not visible. */
function growth(told: readonly Told[]): Told[] {
  return told.slice(1).flatMap(({ atMs, used }, index) => {
    const more = used - told[index]!.used;
    return more > 0 ? [{ atMs, used: more }] : [];
  });
}

/** Resolves once all limits are loaded and changes are subscribed to. */
export async function createLearnedLimits(options: LearnedLimitsOptions): Promise<LearnedLimits> {
  const { redis, subscription, keyspace, onError, onRefresh, onCounted } = options;
  /** By field of the hash. */
  let known = new Map<string, LearnedLimit>();
  const scopes = new LRUCache<string, KnownScope>(atMost(MAX_LEARNED));
  /** Reported usage over time of limits that are far away. */
  const told = new LRUCache<string, Told[]>(atMost(MAX_LEARNED));
  const doneAtMs = new LRUCache<string, number>(atMost(MAX_LEARNED));
  const channel = keyspace.learnedChannel;

  function replace(entries: Map<string, LearnedLimit>): void {
    const before = known;
    known = entries;
    for (const scope of scopes.values()) scope.learned = null;
    for (const [field, { scope, kind }] of known) {
      if (kind === 'concurrency' && !before.has(field)) onCounted?.(scope);
    }
  }

  const note = (entry: LearnedLimit) => replace(new Map(known).set(fieldOf(entry.scope, entry.kind), entry));

  subscription.on('smessage', (from: string, message: string) => {
    if (from === channel) note(readEntry(message.split('\n') as [string, string]));
  });

  async function write(scope: string, { kind, limit, used }: AnnouncedLimit): Promise<void> {
    const field = fieldOf(scope, kind.name);
    const keys = [keyspace.learnedLimits, keyspace.scope(scope).window];
    note(readEntry([field, `${limit} ${Date.now()}`]));
    const past = growth(told.get(field) ?? []).flatMap(({ atMs, used: grown }) => [Date.now() - atMs, grown]);
    told.delete(field);
    await runScript(redis, learnScript, keys, [field, limit, used, kind.field, kind.periodMs, channel, ...past]);
  }

  function noteTold(scope: string, { kind, used }: AnnouncedLimit): void {
    if (kind.periodMs > TOLD_MS) return;
    const field = fieldOf(scope, kind.name);
    const atMs = Date.now();
    const known = (told.get(field) ?? []).filter((one) => atMs - one.atMs < TOLD_MS);
    if (atMs - (known.at(-1)?.atMs ?? 0) >= TOLD_EVERY_MS) told.set(field, [...known, { atMs, used }]);
  }

  async function writeSaid(scope: string, { kind, limit }: AnnouncedLimit, refusal: LimitRefusal): Promise<void> {
    const field = fieldOf(scope, kind.name);
    const keys = [keyspace.learnedLimits, keyspace.scope(scope).window];
    const { waitMs = '', counted } = refusal;
    const args = [field, limit, kind.field, kind.periodMs, IN_FORCE_MS, waitMs, counted[kind.measure], channel];
    await runScript(redis, saidScript, keys, args);
  }

  async function learnConcurrency(scope: string, what: 'refused' | 'served'): Promise<void> {
    const field = fieldOf(scope, 'concurrency');
    const keys = [keyspace.learnedLimits, keyspace.scope(scope).leases];
    await runScript(redis, concurrencyScript, keys, [field, what, IN_FORCE_MS, channel]);
  }

  async function refresh(): Promise<void> {
    const entries = Object.entries(await redis.hgetall(keyspace.learnedLimits)).map(readEntry);
    const old = entries.filter((entry) => Date.now() - entry.atMs > FORGOTTEN_AFTER_MS);
    const kept = entries.filter((entry) => !old.includes(entry));
    replace(new Map(kept.map((entry) => [fieldOf(entry.scope, entry.kind), entry])));
    if (old.length > 0) {
      await redis.hdel(keyspace.learnedLimits, ...old.map(({ scope, kind }) => fieldOf(scope, kind)));
    }
    onRefresh?.(all());
  }

  const all = () => [...known.values()].filter(({ limit, kind }) => kind !== 'concurrency' || limit < COUNTED_ONLY);

  /** Whether it was last done at least `everyMs` ago; if so, marks it as done now. */
  function isDue(what: string, everyMs: number): boolean {
    if (Date.now() - (doneAtMs.get(what) ?? 0) < everyMs) return false;
    doneAtMs.set(what, Date.now());
    return true;
  }

  function learnedOf(name: string, scope: KnownScope): Scope {
    scope.learned ??= withLearned({ name, limits: scope.limits }, scope.configured, known);
    return scope.learned;
  }

  await subscription.ssubscribe(channel);
  await refresh();
  const timer = setInterval(() => void refresh().catch(onError), REFRESH_MS);
  return {
    scopeOf(scope, configured = {}) {
      let entry = scopes.get(scope.name);
      if (entry === undefined || entry.limits !== scope.limits) {
        entry = { limits: scope.limits, configured, learned: null };
        scopes.set(scope.name, entry);
      }
      entry.configured = configured;
      const learned = known.size === 0 ? scope : learnedOf(scope.name, entry);
      return learned.learned === undefined ? scope : learned;
    },
    current(scope) {
      const entry = scopes.get(scope.name);
      if (entry === undefined || entry.learned === scope) return scope;
      const learned = learnedOf(scope.name, entry);
      return learned.learned === undefined && scope.learned === undefined ? scope : learned;
    },
    teach({ name }, hint, refusal) {
      for (const announced of readAnnounced(hint)) {
        const before = known.get(fieldOf(name, announced.kind.name));
        if (before === undefined && !announced.isNear) noteTold(name, announced);
        if (before === undefined && (!announced.isNear || known.size >= MAX_LEARNED)) continue;
        const isNews = before?.limit !== announced.limit || before.isSaid;
        // A limit that is far away again expires; one whose value has changed is stored, near or not.
        const againMs = announced.isNearlyUsedUp ? WRITE_SOON_MS : WRITE_AGAIN_MS;
        const isAgain = announced.isNear && Date.now() - (before?.atMs ?? 0) > againMs;
        if (isNews || isAgain) write(name, announced).catch(onError);
      }
      if (hint.said === undefined || refusal === undefined) return;
      for (const said of readAnnounced(hint.said)) {
        const field = fieldOf(name, said.kind.name);
        const before = known.get(field);
        const isAnnounced = before?.isInForce === true && !before.isSaid;
        if (isAnnounced || (before === undefined && known.size >= MAX_LEARNED)) continue;
        if (isDue(`said ${field}`, SAID_EVERY_MS)) writeSaid(name, said, refusal).catch(onError);
      }
    },
    refused({ name }) {
      const hasRoom = known.has(fieldOf(name, 'concurrency')) || known.size < MAX_LEARNED;
      if (hasRoom) learnConcurrency(name, 'refused').catch(onError);
    },
    served({ name }) {
      if (known.size === 0 || !known.has(fieldOf(name, 'concurrency'))) return;
      if (isDue(`served ${name}`, SERVED_EVERY_MS)) learnConcurrency(name, 'served').catch(onError);
    },
    all,
    refresh,
    stop: () => clearInterval(timer),
  };
}

/** For a limit that is counted but not in force yet: higher than any usage. */
const ANY_NUMBER = 1_000_000_000;

function withLearned(scope: Scope, configured: Limits, known: ReadonlyMap<string, LearnedLimit>): Scope {
  const limits: Limits = {};
  for (const { name } of LIMIT_KINDS) {
    const entry = known.get(fieldOf(scope.name, name));
    if (entry === undefined || scope.limits[name] !== undefined || configured[name] !== undefined) continue;
    if (entry.isInForce) limits[name] = entry.limit;
    else if (entry.isCounted) limits[name] = ANY_NUMBER;
  }
  const learned = Object.keys(limits) as LimitName[];
  return learned.length === 0 ? scope : { ...scope, limits: { ...scope.limits, ...limits }, learned };
}

/** The third word of an entry that only refusals have named (learn-said.lua). */
const SAID = 'said';

/** Reads a field as the scripts write it: limit, time of last confirmation, then data private to the script. */
function readEntry([field, value]: [string, string]): LearnedLimit {
  const space = field.indexOf(' ');
  const kind = field.slice(0, space) as LimitName;
  const [limitText, atText, source, , times] = value.split(' ');
  const [limit, atMs] = [Number(limitText), Number(atText)];
  const isSaid = source === SAID;
  const periodMs = RATE_KINDS.find(({ name }) => name === kind)?.periodMs ?? 0;
  const isFresh = Date.now() - atMs < Math.max(IN_FORCE_MS, periodMs);
  return {
    scope: field.slice(space + 1),
    kind,
    limit,
    atMs,
    isSaid,
    // The usage of a daily window cannot be known within minutes.
    isCounted: isFresh && (!isSaid || periodMs <= LONGEST_MINUTE_MS),
    isInForce: isFresh && (!isSaid || Number(times ?? 0) >= CORROBORATED),
  };
}
