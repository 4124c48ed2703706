// Reads a scope's window (format: permit.lua): what is used now, and when it becomes free again.
import { RATE_KINDS, type RateKind, type RateName } from '../contracts/limit-kinds.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

const SLICES = 300;
const KEEP_SLICES = 302;

/** How long permit.lua counts a start: a place taken now is free again after this. */
export function keptMs(kind: RateKind): number {
  return KEEP_SLICES * sliceMs(kind);
}

function sliceMs({ periodMs }: RateKind): number {
  return periodMs / SLICES;
}

export interface Window {
  /** Amount used, by kind of limit. Kinds without a limit are not counted. */
  used: Record<RateName, number>;
  /** Amounts that leave the window, soonest first. */
  leaving: Record<RateName, Leaving[]>;
  /** Until the scope is no longer blocked. Milliseconds. */
  blockedMs: number;
  /** Until the next start of the batch lane, which spreads its starts. Milliseconds. */
  batchDueMs: number;
  /** It was full within the last two seconds, so that waiting requests start at a limited pace (permit.lua). */
  isDraining: boolean;
}

interface Leaving {
  inMs: number;
  amount: number;
}

const FIELD = /^([a-z]+)(\d+)$/;
const BY_FIELD: ReadonlyMap<string, RateKind> = new Map(RATE_KINDS.map((kind) => [kind.field, kind]));

function eachKind<T>(value: (kind: RateKind) => T): Record<RateName, T> {
  return Object.fromEntries(RATE_KINDS.map((kind) => [kind.name, value(kind)])) as Record<RateName, T>;
}

/**
 * @param fields the hash in Redis; empty for a scope that was never used.
 * @param nowMs by the clock of Redis, by which it was written.
 */
export function readWindow(fields: Readonly<Record<string, string>>, nowMs: number): Window {
  const leaving = eachKind<Leaving[]>(() => []);
  for (const [field, value] of Object.entries(fields)) {
    const [, letters = '', slice] = FIELD.exec(field) ?? [];
    const kind = BY_FIELD.get(letters);
    if (kind === undefined) continue;
    const inMs = Number(slice) * sliceMs(kind) + keptMs(kind) - nowMs;
    if (inMs > 0) leaving[kind.name].push({ inMs, amount: Number(value) });
  }
  for (const list of Object.values(leaving)) list.sort((a, b) => a.inMs - b.inMs);
  const dueMs = RATE_KINDS.map(({ field }) => Number(fields[`p${field}`] ?? 0) - nowMs);
  return {
    used: eachKind(({ name }) => leaving[name].reduce((sum, { amount }) => sum + amount, 0)),
    leaving,
    blockedMs: Math.max(0, Number(fields.blocked ?? 0) - nowMs),
    batchDueMs: Math.max(0, ...dueMs),
    isDraining: nowMs - Number(fields.full ?? 0) < DRAIN_MS,
  };
}

/** As in permit.lua: after a window was full, this share of a limit of at least DRAIN_FROM starts per slice. */
const DRAIN_MS = 2_000;
const DRAIN_PART = 1 / 50;
const DRAIN_FROM = 100;

/**
 * Milliseconds from now until a window with this limit has let this amount pass, counted from now. Waiting requests take every
 * place as soon as it is free, so that the pattern of one period repeats in the next.
 */
export function passedInMs(window: Window, kind: RateKind, limit: number, amount: number): number {
  const rounds = Math.floor((amount - 1) / limit);
  const isPacedKind = kind.name === 'requestsPerMinute' && limit >= DRAIN_FROM;
  const paceMs = isPacedKind ? sliceMs(kind) / (limit * DRAIN_PART) : 0;
  let missing = amount - rounds * limit;
  let atMs = 0;
  const take = (places: number, fromMs: number, isPaced: boolean) => {
    const taken = Math.min(places, missing);
    missing -= taken;
    atMs = Math.max(atMs, fromMs) + (isPaced ? Math.max(0, taken - 1) * paceMs : 0);
  };
  take(Math.max(0, limit - window.used[kind.name]), 0, window.isDraining);
  for (const { amount: places, inMs } of window.leaving[kind.name]) {
    if (missing <= 0) break;
    take(places, inMs, true);
  }
  return rounds * keptMs(kind) + (missing > 0 ? keptMs(kind) : atMs);
}

const readScopeScript = loadLuaScript(import.meta.url, './read-scope.lua');

export interface ScopeReading {
  /** The window's hash (permit.lua). */
  fields: Record<string, string>;
  /** Permits held. */
  inFlight: number;
  /** The clock by which the window was written. */
  redisNowMs: number;
}

export async function readScope(redis: RedisClient, keyspace: Keyspace, name: string): Promise<ScopeReading> {
  const { window, leases } = keyspace.scope(name);
  const reply = await runScript(redis, readScopeScript, [window, leases], []);
  const [redisNowMs, inFlight, pairs] = reply as [number, number, string[]];
  const fields: Record<string, string> = {};
  for (let at = 0; at < pairs.length; at += 2) fields[pairs[at]!] = pairs[at + 1]!;
  return { fields, inFlight, redisNowMs };
}
