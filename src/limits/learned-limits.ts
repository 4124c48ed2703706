// Limits that are not configured, learned from what providers announce with their answers, from what their refusals name and,
// for calls at once, from what they refuse; by scope and kind, shared by all processes, kept over restarts, forgotten with
// time. What is announced matters once it is small or half used up: only then is it remembered, and in force for a while. A
// limit that is far away costs nothing. Every change is announced to all processes by the script that makes it.
import { LRUCache } from 'lru-cache';
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
  /** Only refusals have said so. In force once their times agree with what is counted (learn-said.lua). */
  isSaid: boolean;
  /** What calls take of it is counted, in force or not. */
  isCounted: boolean;
  isInForce: boolean;
}

export interface LearnedLimits {
  /** @param configured what the configuration says of the scope and of those around it: it comes before what is learned. */
  scopeOf(scope: Scope, configured?: Limits): Scope;
  /** A scope that `scopeOf` has given, as it is by now. */
  current(scope: Scope): Scope;
  /** Returns at once. */
  teach(scope: Scope, hint: RateLimitHint, refusal?: LimitRefusal): void;
  /** The provider takes no more calls at once. Returns at once. */
  refused(scope: Scope): void;
  /** The provider has answered: where calls at once are limited, more may be possible. Returns at once. */
  served(scope: Scope): void;
  all(): LearnedLimit[];
  refresh(): Promise<void>;
  stop(): void;
}

/** The refusal that a hint came with. */
export interface LimitRefusal {
  /** What it asked for; absent: nothing. */
  waitMs?: number | undefined;
  /** What the refused call was counted for. */
  counted: Amounts;
}

export interface LearnedLimitsOptions {
  redis: RedisClient;
  /** A connection in the `subscriber` profile; others may listen on it too. */
  subscription: RedisClient;
  keyspace: Keyspace;
  onError: (error: Error) => void;
  onRefresh?: (learned: LearnedLimit[]) => void;
  /** From now on the calls at once of this scope are counted: those that run already are to be. */
  onCounted?: (scopeName: string) => void;
}

/** How late a process knows what it did not hear, at worst. */
const REFRESH_MS = 5_000;
/** A limit is written again at most so often in each process, and so often where little is left of it. */
const WRITE_AGAIN_MS = 60_000;
const WRITE_SOON_MS = 1_000;
/** So long it is in force after a provider has last announced it as near; one of a day for a day. */
const IN_FORCE_MS = 600_000;
/** And so long it is shown. */
const FORGOTTEN_AFTER_MS = 86_400_000;
/** Names of wildcard models come from clients. */
const MAX_LEARNED = 5_000;
/** A minute of them, and two of them agree (learn-said.lua): chance does not make that. */
const CORROBORATED = 2;
/** In each process: a storm of refusals says one thing. */
const SAID_EVERY_MS = 50;

/** How what is used of a limit has grown is remembered so finely, and for so long: a minute. */
const TOLD_EVERY_MS = 1_000;
const TOLD_MS = 60_000;

const learnScript = loadLuaScript(import.meta.url, './learn.lua');
const saidScript = loadLuaScript(import.meta.url, './learn-said.lua');
const concurrencyScript = loadLuaScript(import.meta.url, './learn-concurrency.lua');
/** As in learn-concurrency.lua: calls are counted and not limited. */
const COUNTED_ONLY = 1_000_000;
/** Of each process: success is looked at no more often. */
const SERVED_EVERY_MS = 500;

function fieldOf(scope: string, kind: string): string {
  return `${kind} ${scope}`;
}

interface KnownScope {
  /** As it was asked for. */
  limits: Limits;
  configured: Limits;
  /** With what is in force there; null until it is asked for again. */
  learned: Scope | null;
}

/** What the provider said was used. */
interface Told {
  atMs: number;
  used: number;
}

/** What was begun between two answers, at least: what was over meanwhile cannot be seen. */
function growth(told: readonly Told[]): Told[] {
  return told.slice(1).flatMap(({ atMs, used }, index) => {
    const more = used - told[index]!.used;
    return more > 0 ? [{ atMs, used: more }] : [];
  });
}

/** Resolves when everything is known and every change will be heard. */
export async function createLearnedLimits(options: LearnedLimitsOptions): Promise<LearnedLimits> {
  const { redis, subscription, keyspace, onError, onRefresh, onCounted } = options;
  /** By field of the hash. */
  let known = new Map<string, LearnedLimit>();
  const scopes = new LRUCache<string, KnownScope>({ max: MAX_LEARNED });
  /** Of limits that are far away: what answers said was used, and when. */
  const told = new LRUCache<string, Told[]>({ max: MAX_LEARNED });
  const doneAtMs = new LRUCache<string, number>({ max: MAX_LEARNED });
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

  /** Whether it was done long enough ago to be done again. */
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
        // One that is far away again is forgotten in time; one that has changed is another limit, near or not.
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

/** A limit that is not in force yet, whose use is to be known: of no window can so much be used. */
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

/** Behind limit and time of an entry (learn-said.lua). */
const SAID = 'said';

/** As the scripts write it: the limit, when it was last confirmed, then what the script needs of it (learn-said.lua and so on). */
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
    // What a day's window holds nobody can know within minutes.
    isCounted: isFresh && (!isSaid || periodMs <= LONGEST_MINUTE_MS),
    isInForce: isFresh && (!isSaid || Number(times ?? 0) >= CORROBORATED),
  };
}
