// Client keys: format of secrets, stored data, permissions.
import { hash, randomBytes } from 'node:crypto';
import { matchWildcard } from '../config/wildcard.ts';
import type { ChargeTerms } from '../contracts/money.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { Limits, Scope } from '../contracts/scope.ts';

/** How often a budget is reset; `total` never is. */
export const BUDGET_PERIODS = ['total', 'month', 'week', 'day'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];
export type AccountBudgets = Partial<Record<BudgetPeriod, string>>;

export interface KeySettings {
  limits: Limits;
  /** Budget per period, decimal picodollars. Periods that are absent have no budget. */
  budgets: AccountBudgets;
  /** Public model names, `*` as a wildcard; null for all. */
  models: readonly string[] | null;
  /** Weight in full wait queues, relative to other keys. */
  weight: number;
  /** Weight of its batches in the batch lane, relative to other keys. */
  batchWeight: number;
  /** Unix ms; null if it never expires. */
  expiresAtMs: number | null;
  /** Free-form entries by the operator. */
  metadata: Readonly<Record<string, string>>;
  /** Requests are charged to its prepaid balance. Null: to that of the nearest account above that has one, if any. */
  credits: ChargeTerms | null;
}

export type AccountKind = 'organisation' | 'project';

/** An organisation or a project: its settings apply to all keys below it together. */
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
  /** First characters of the secret, to identify it. */
  hint: string;
  settings: KeySettings;
  createdAtMs: number;
  revokedAtMs: number | null;
  projectId: string | null;
  /** Expiry of the secret that it was found by, if that was rotated. Unix ms; null if it has none. */
  secretUntilMs: number | null;
  /** Expiry of its previous secret, unix ms; null if it was not rotated, or without an overlap. */
  formerUntilMs: number | null;
  /** Its project and organisation, nearest first. */
  above: readonly Account[];
  /** The prepaid balance that it is charged to; null if none. */
  credits: CreditAccount | null;
}

export interface CreditAccount {
  account: string;
  /** Sum of all payments, decimal picodollars. */
  paidIn: string;
  terms: ChargeTerms;
}

/** The earliest of its own expiry, those of accounts above, and that of a rotated secret. Infinity if none. */
export function validUntilMs({ settings, secretUntilMs, above }: ApiKey): number {
  const ends = [settings.expiresAtMs, secretUntilMs, ...above.map((account) => account.settings.expiresAtMs)];
  return Math.min(Number.POSITIVE_INFINITY, ...ends.filter((end) => end !== null));
}

export function isRevoked({ revokedAtMs, above }: ApiKey): boolean {
  return revokedAtMs !== null || above.some((account) => account.revokedAtMs !== null);
}

/** Whether it can be used now. */
export function isValid(key: ApiKey, nowMs = Date.now()): boolean {
  return !isRevoked(key) && nowMs < validUntilMs(key);
}

/** Its weight in the batch lane, multiplied by the weights of its project and organisation. */
export function batchWeightOf({ settings, above }: ApiKey): number {
  return above.reduce((weight, account) => weight * account.settings.batchWeight, settings.batchWeight);
}

/** The same for the interactive lane's wait queues, clamped to the range that turns are computed with. */
export function weightOf({ settings, above }: ApiKey): number {
  const weight = above.reduce((product, account) => product * account.settings.weight, settings.weight);
  return Math.min(MAX_WEIGHT, Math.max(1 / MAX_WEIGHT, weight));
}

const MAX_WEIGHT = 1_000;

/** The fields of a request's record about its key and accounts. */
export function accountsOf(key: ApiKey): Pick<RequestSpec, 'keyScope' | 'accountScopes' | 'accounts' | 'weight'> {
  const weight = weightOf(key);
  const own: Pick<RequestSpec, 'keyScope' | 'weight'> = { keyScope: scopeOf(key) };
  if (weight !== 1) own.weight = weight;
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

/** The scope of its limits; null if it has none. */
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

/** Format of earlier releases: a single budget, in ten-thousandths of a dollar. */
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
/** Of a secret chosen by the operator at most a quarter is shown; of a generated one, 20 of its 160 random bits. */
const HINT_PART = 4;

const SECRET_BYTES = 20;
const SECRET_CHARS = SECRET_PREFIX.length + 2 * SECRET_BYTES;

export function createSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('hex');
}

/** With 160 random bits, a secret cannot be recovered from its SHA-256, so that no slow hash is needed on every request. */
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

/** Whether its requests need a reservation. Called for every request, so that it builds no list. */
export function hasBudget({ settings: { budgets }, above, credits }: ApiKey): boolean {
  if (credits !== null) return true;
  for (const _ in budgets) return true;
  return above.some((account) => Object.keys(account.settings.budgets).length > 0);
}
