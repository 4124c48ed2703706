// A client's key: what it looks like, what is kept of it, what it may do.
import { hash, randomBytes } from 'node:crypto';
import { matchWildcard } from '../config/wildcard.ts';
import type { Limits, Scope } from '../contracts/scope.ts';

/** When a budget starts over; `total` never does. */
export const BUDGET_PERIODS = ['total', 'month', 'week', 'day'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];
export type AccountBudgets = Partial<Record<BudgetPeriod, string>>;

export interface KeySettings {
  limits: Limits;
  /** What it may spend in each period: picodollars, decimal. None for what is absent. */
  budgets: AccountBudgets;
  /** Public model names, `*` as a wildcard; null for all. */
  models: readonly string[] | null;
  /** Share of the batch lane beside other keys' batches. */
  batchWeight: number;
}

export interface ApiKey {
  id: string;
  name: string;
  /** First characters of the secret, to recognise it by. */
  hint: string;
  settings: KeySettings;
  createdAtMs: number;
  revokedAtMs: number | null;
}

/** What its limits are counted under; null where it has none. */
export function scopeOf({ id, settings: { limits } }: ApiKey): Scope | null {
  return Object.keys(limits).length === 0 ? null : { name: `key:${id}`, limits };
}

export const DEFAULT_KEY_SETTINGS: KeySettings = Object.freeze({
  limits: {},
  budgets: {},
  models: null,
  batchWeight: 1,
});

/** As earlier releases stored a key: one budget, in ten-thousandths of a dollar. */
interface FormerSettings {
  budgetUnits?: number | null;
  budgetPeriod?: BudgetPeriod;
}

const PICO_PER_FORMER_UNIT = 100_000_000n;

export function readStoredSettings(text: string): KeySettings {
  const { budgetUnits, budgetPeriod = 'total', ...stored } = JSON.parse(text) as Partial<KeySettings> & FormerSettings;
  const isFormer = stored.budgets === undefined && typeof budgetUnits === 'number';
  const former = isFormer
    ? { [budgetPeriod]: (BigInt(Math.trunc(budgetUnits)) * PICO_PER_FORMER_UNIT).toString() }
    : {};
  return { ...DEFAULT_KEY_SETTINGS, budgets: former, ...stored };
}

const SECRET_PREFIX = 'sk-sluice-';
const HINT_CHARS = 15;
/** Of a chosen secret at most so much is shown; of one of ours, 20 of its 160 random bits. */
const HINT_PART = 4;

const SECRET_BYTES = 20;
const SECRET_CHARS = SECRET_PREFIX.length + 2 * SECRET_BYTES;

export function createSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('hex');
}

/** A key has 160 random bits: it cannot be guessed from its SHA-256, so no slow hash is needed on every request. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

export function hintOf(secret: string): string {
  const chars =
    secret.startsWith(SECRET_PREFIX) && secret.length >= SECRET_CHARS ? HINT_CHARS : secret.length / HINT_PART;
  return `${secret.slice(0, Math.min(HINT_CHARS, Math.floor(chars)))}…`;
}

/** Whether the key may use a public model name. */
export function mayUseModel(settings: KeySettings, model: string): boolean {
  return settings.models === null || settings.models.some((pattern) => matchWildcard(pattern, model) !== null);
}

/** Whether something must be reserved before it asks. Does not build a list: it is asked for every request. */
export function hasBudget({ settings: { budgets } }: ApiKey): boolean {
  for (const _ in budgets) return true;
  return false;
}
