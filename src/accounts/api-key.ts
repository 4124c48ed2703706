// A client's key: what it looks like, what is kept of it, what it may do.
import { hash, randomBytes } from 'node:crypto';
import { matchWildcard } from '../config/wildcard.ts';
import type { ChargeTerms } from '../contracts/money.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
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
  /** Its share of a full wait queue beside other keys. */
  weight: number;
  /** Share of the batch lane beside other keys' batches. */
  batchWeight: number;
  /** Unix ms from which on it is not valid; null for never. */
  expiresAtMs: number | null;
  /** Whatever its operator wants to know of it. */
  metadata: Readonly<Record<string, string>>;
  /** Requests are charged to a prepaid balance; null: to that of the account above, if it has one. */
  credits: ChargeTerms | null;
}

export type AccountKind = 'organisation' | 'project';

/** An organisation or a project: what holds for all keys below it together. */
export interface Account {
  id: string;
  kind: AccountKind;
  parentId: string | null;
  name: string;
  settings: KeySettings;
  createdAtMs: number;
  revokedAtMs: number | null;
}

export interface ApiKey {
  id: string;
  name: string;
  /** First characters of the secret, to recognise it by. */
  hint: string;
  settings: KeySettings;
  createdAtMs: number;
  revokedAtMs: number | null;
  projectId: string | null;
  /** The secret that it was found by is valid until then: it was rotated. Unix ms; null without an end. */
  secretUntilMs: number | null;
  /** Its secret before the newest one is valid until then, Unix ms; null where it was not rotated, or without an overlap. */
  formerUntilMs: number | null;
  /** Its project and organisation, the nearest first. */
  above: readonly Account[];
  /** Whose prepaid balance it spends; null where there is none. */
  credits: CreditAccount | null;
}

export interface CreditAccount {
  account: string;
  /** All that was ever paid in: picodollars, decimal. */
  paidIn: string;
  terms: ChargeTerms;
}

/** From when on it is not valid: by its own expiry, by that of an account above, or by a rotation. */
export function validUntilMs({ settings, secretUntilMs, above }: ApiKey): number {
  const ends = [settings.expiresAtMs, secretUntilMs, ...above.map((account) => account.settings.expiresAtMs)];
  return Math.min(Number.POSITIVE_INFINITY, ...ends.filter((end) => end !== null));
}

export function isRevoked({ revokedAtMs, above }: ApiKey): boolean {
  return revokedAtMs !== null || above.some((account) => account.revokedAtMs !== null);
}

/** Whether it may be asked with now. */
export function isValid(key: ApiKey, nowMs = Date.now()): boolean {
  return !isRevoked(key) && nowMs < validUntilMs(key);
}

/** Its share of the batch lane: a project's and an organisation's weights count for each of their keys. */
export function batchWeightOf({ settings, above }: ApiKey): number {
  return above.reduce((weight, account) => weight * account.settings.batchWeight, settings.batchWeight);
}

/** The same of the interactive lane's wait queues, within what turns can be computed with. */
export function weightOf({ settings, above }: ApiKey): number {
  const weight = above.reduce((product, account) => product * account.settings.weight, settings.weight);
  return Math.min(MAX_WEIGHT, Math.max(1 / MAX_WEIGHT, weight));
}

const MAX_WEIGHT = 1_000;

/** What a request's record has of its key and its accounts. */
export function accountsOf(key: ApiKey): Pick<RequestSpec, 'keyScope' | 'accountScopes' | 'accounts' | 'weight'> {
  const weight = weightOf(key);
  const own = { keyScope: scopeOf(key), ...(weight === 1 ? {} : { weight }) };
  if (key.above.length === 0 && key.credits === null) return own;
  const scopes = key.above.flatMap(({ id, kind, settings: { limits } }) =>
    Object.keys(limits).length === 0 ? [] : [{ name: `${kind}:${id}`, limits }],
  );
  const idOf = (kind: AccountKind) => key.above.find((account) => account.kind === kind)?.id;
  const [project, organisation] = [idOf('project'), idOf('organisation')];
  return {
    ...own,
    ...(scopes.length === 0 ? {} : { accountScopes: scopes }),
    accounts: {
      ...(project === undefined ? {} : { project }),
      ...(organisation === undefined ? {} : { organisation }),
      ...(key.credits === null ? {} : { credits: { account: key.credits.account, ...key.credits.terms } }),
    },
  };
}

/** What its limits are counted under; null where it has none. */
export function scopeOf({ id, settings: { limits } }: ApiKey): Scope | null {
  return Object.keys(limits).length === 0 ? null : { name: `key:${id}`, limits };
}

export const DEFAULT_KEY_SETTINGS: KeySettings = Object.freeze({
  limits: {},
  budgets: {},
  models: null,
  weight: 1,
  batchWeight: 1,
  expiresAtMs: null,
  metadata: {},
  credits: null,
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

/** Whether the key, and the accounts above it, may use a public model name. */
export function mayUseModel({ settings, above }: Pick<ApiKey, 'settings' | 'above'>, model: string): boolean {
  const allows = ({ models }: KeySettings) =>
    models === null || models.some((pattern) => matchWildcard(pattern, model) !== null);
  return allows(settings) && above.every((account) => allows(account.settings));
}

/** Whether something must be reserved before it asks. Does not build a list: it is asked for every request. */
export function hasBudget({ settings: { budgets }, above, credits }: ApiKey): boolean {
  if (credits !== null) return true;
  for (const _ in budgets) return true;
  return above.some((account) => Object.keys(account.settings.budgets).length > 0);
}
