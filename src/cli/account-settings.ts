// Settings of a key, a project or an organisation as command arguments and as printed: the same for all three.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { BUDGET_PERIODS, type BudgetPeriod } from '../accounts/api-key.ts';
import type { describeSettings } from '../accounts/settings-form.ts';
import { LIMIT_KINDS, type LimitSettings } from '../contracts/limit-kinds.ts';
import { parseUsd } from '../contracts/money.ts';
import type { AdminSchemas } from './admin-client.ts';
import { list, wholeNumber } from './arguments.ts';

/** Settings as shown over HTTP. */
export type ShownSettings = ReturnType<typeof describeSettings>;
type SettingsChange = AdminSchemas['KeySettings'];
type Current = Pick<ShownSettings, 'limits' | 'metadata' | 'credits'>;

type BudgetArgument = [period: BudgetPeriod | null, usd: number | null];

export interface SettingArguments {
  budget?: BudgetArgument[];
  budgetPeriod?: BudgetPeriod;
  model?: string[];
  allModels?: boolean;
  weight?: number;
  batchWeight?: number;
  expires?: string;
  metadata?: [name: string, value: string][];
  credits?: boolean;
  markup?: number;
  chargeStep?: number;
}

export const NO_SETTINGS: Current = { limits: {}, metadata: {}, credits: null };

/** @param isChange adds arguments that remove a setting. */
export function settingArguments(command: Command, { isChange }: { isChange: boolean }): Command {
  const none = isChange ? ', or none' : '';
  for (const { setting, description } of LIMIT_KINDS) {
    const text = description.replace(/^./, (letter) => letter.toLowerCase()).replace(/\.$/, '');
    command.option(`--${setting.replaceAll('_', '-')} <n>`, `${text}${none}`, isChange ? numberOrNone : wholeNumber);
  }
  command
    .option(
      '--budget <usd/period>',
      `spending limit, such as 50/month (${BUDGET_PERIODS.join(', ')}; repeatable${isChange ? '; none/month removes one' : ''})`,
      budgets,
    )
    .addOption(
      new Option('--budget-period <period>', 'period of a --budget that names none (default: total)').choices(
        BUDGET_PERIODS,
      ),
    )
    .option('--model <name>', 'allowed model, with * as a wildcard (repeatable; default: all)', list)
    .option('--weight <n>', 'share of a full wait queue relative to others (default: 1)', weight)
    .option('--batch-weight <n>', 'share of the batch lane relative to others (default: 1)', weight)
    .option('--expires <time>', `expiry, such as 2027-01-31T00:00:00Z${isChange ? ', or never' : ''}`, time)
    .option('--metadata <name=value>', `metadata entry (repeatable${isChange ? '; name= removes one' : ''})`, entries)
    .option('--credits', 'charge requests to a prepaid balance')
    .option('--markup <percent>', 'with credits: surcharge on the cost', percent)
    .option('--charge-step <usd>', 'with credits: charges are rounded up to a multiple of this (default: 0.0001)', usd);
  if (!isChange) return command;
  return command
    .option('--no-credits', 'stop charging to a prepaid balance')
    .option('--all-models', 'allow all models')
    .option('--name <name>', 'new name');
}

/** In the form of the administration API: limits, metadata and credits complete, of all others only the changes. */
export function formOf(options: SettingArguments, current: Current): SettingsChange {
  const { model, allModels, weight, batchWeight, expires } = options;
  const limits = limitsOf(options as Record<string, unknown>, current.limits);
  const budgets = budgetsOf(options);
  const metadata = metadataOf(options, current.metadata);
  const credits = creditsOf(options, current.credits);
  return {
    ...(limits && { limits }),
    ...(budgets && { budgets }),
    ...(allModels ? { models: null } : model && { models: model }),
    ...(weight !== undefined && { weight }),
    ...(batchWeight !== undefined && { batch_weight: batchWeight }),
    ...(expires !== undefined && { expires_at: expires === NEVER ? null : expires }),
    ...(metadata && { metadata }),
    ...(credits !== undefined && { credits }),
  };
}

/** Commander turns an option `--tokens-per-day` into `tokensPerDay`. */
function limitsOf(
  options: Readonly<Record<string, unknown>>,
  current: LimitSettings,
): SettingsChange['limits'] | undefined {
  const camel = (setting: string) => setting.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const given = LIMIT_KINDS.map(({ setting }) => [setting, options[camel(setting)]] as const);
  const changed = given.filter(([, limit]) => limit !== undefined);
  if (changed.length === 0) return undefined;
  const all: [string, unknown][] = Object.entries({ ...current, ...Object.fromEntries(changed) });
  return Object.fromEntries(all.filter(([, limit]) => limit !== NONE)) as Record<string, number>;
}

function budgetsOf({ budget, budgetPeriod = 'total' }: SettingArguments): SettingsChange['budgets'] | undefined {
  return budget && Object.fromEntries(budget.map(([period, amount]) => [period ?? budgetPeriod, amount]));
}

function metadataOf({ metadata }: SettingArguments, current: Readonly<Record<string, string>>) {
  if (metadata === undefined) return undefined;
  const all = Object.entries({ ...current, ...Object.fromEntries(metadata) });
  return Object.fromEntries(all.filter(([, value]) => value !== ''));
}

/** Undefined if unchanged. */
function creditsOf({ credits, markup, chargeStep }: SettingArguments, current: ShownSettings['credits']) {
  if (credits === false) return null;
  if (credits === undefined && markup === undefined && chargeStep === undefined) return undefined;
  if (credits === undefined && current === null) throw new Error('--markup and --charge-step need --credits');
  return {
    markup_percent: markup ?? current?.markup_percent ?? 0,
    charge_step_usd: chargeStep ?? current?.charge_step_usd ?? 0.0001,
  };
}

/** One setting per line, without empty ones. */
export function settingLines(shown: ShownSettings): [string, string][] {
  const { limits, budgets, models, weight, batch_weight: batchWeight, expires_at: expires, metadata, credits } = shown;
  const entries = (of: object) => Object.entries(of).map(([name, value]) => `${name}=${value}`);
  return [
    ['limits', entries(limits).join(', ') || 'none'],
    ['budgets', formatBudgets(budgets) || 'none'],
    ['models', models?.join(', ') ?? 'all'],
    ['weight', `${weight} (batches: ${batchWeight})`],
    ['expires', expires ?? 'never'],
    ['metadata', entries(metadata).join(', ') || 'none'],
    [
      'credits',
      credits === null
        ? 'none'
        : `markup ${credits.markup_percent} %, charged in steps of ${credits.charge_step_usd} USD`,
    ],
  ];
}

export function formatBudgets(budgets: Partial<Record<BudgetPeriod, number>>): string {
  return Object.entries(budgets)
    .map(([period, amount]) => `${amount} USD/${period}`)
    .join(', ');
}

/** Amounts spent in the current periods. */
export function formatSpent(spent: Readonly<Record<string, string>>): string {
  return Object.entries(spent)
    .map(([period, amount]) => `${amount} ${period}`)
    .join(', ');
}

/** `name  value`, with the values aligned. */
export function formatFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** Not null, which Commander treats as an option without a value. */
const NONE = 'none';
const NEVER = 'never';

function numberOrNone(text: string): number | typeof NONE {
  return text === NONE ? NONE : wholeNumber(text);
}

function budgets(text: string, before: BudgetArgument[] = []): BudgetArgument[] {
  const [amount = '', name, ...rest] = text.split('/');
  const period = name === undefined ? null : BUDGET_PERIODS.find((known) => known === name);
  if (period === undefined || rest.length > 0)
    throw new InvalidArgumentError(`must be USD/period, such as 50/month (${BUDGET_PERIODS.join(', ')}).`);
  return [...before, [period, amount === 'none' ? null : usd(amount)]];
}

export function usd(text: string): number {
  try {
    if (parseUsd(text) >= 0n) return Number(text);
  } catch {
    // Reported below.
  }
  throw new InvalidArgumentError('must be an amount in USD, such as 20 or 0.5.');
}

function percent(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 1_000)) throw new InvalidArgumentError('must be from 0 to 1000.');
  return value;
}

function weight(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000)) throw new InvalidArgumentError('must be a number above 0, up to 1000.');
  return value;
}

function time(text: string): string {
  if (text === NEVER) return NEVER;
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('must be a time, such as 2027-01-31T00:00:00Z.');
  return new Date(value).toISOString();
}

function entries(text: string, before: [string, string][] = []): [string, string][] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('must be name=value.');
  return [...before, [text.slice(0, equals), text.slice(equals + 1)]];
}
