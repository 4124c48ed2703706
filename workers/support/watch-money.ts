// Checks budgets, spending and bills periodically, and raises alerts. One process of the fleet checks at a time, by a lock in
// Redis; that each alert is sent once is guaranteed by the store (src/webhooks/alert-store.ts), not by this lock.
import { type BudgetThreshold, budgetThresholds } from '#src/accounts/budget-thresholds.ts';
import type { AlertSettings } from '#src/config/alert-schema.ts';
import type { Runtime } from '#src/config/runtime.ts';
import { formatUsd, parseUsd } from '#src/contracts/money.ts';
import { createAnomalyWatch } from '#src/ledger/spend-anomaly.ts';
import type { Database } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import { type AlertStore, createAlertStore, type NewAlert } from '#src/webhooks/alert-store.ts';
import { watchAccounts } from './watch-accounts.ts';

export interface MoneyWatchOptions {
  runtime: Pick<Runtime, 'configuration' | 'catalogue'>;
  redis: RedisClient;
  keyspace: Keyspace;
  database: Database;
  /** For reports (src/storage/report-database.ts). */
  reports: Database;
  logger: Pick<Logger, 'warn' | 'error'>;
}

const DAY_MS = 86_400_000;
/** Longer than any period in which an alert is sent once. */
const KEPT_MS = 100 * DAY_MS;
/** Interval after which a report that could not be read is requested again. */
const REPORT_RETRY_MS = 3_600_000;
/** Yesterday's reports may still be incomplete. */
const REPORT_AGE_DAYS = 2;

/** Errors are logged: the next check repeats the work. */
export function startMoneyWatch(options: MoneyWatchOptions): { stop(): Promise<void> } {
  const { alerts } = options.runtime.configuration;
  if (alerts.enabled) {
    const check = createMoneyCheck(options);
    const failed = (error: unknown) => options.logger.warn({ err: error }, 'budgets and spending could not be checked');
    return repeat(alerts.check_ms, () => inTurn(options, alerts, check).catch(failed));
  }
  const failed = (error: unknown) =>
    options.logger.warn({ err: error }, 'the alerts that are open could not be closed');
  const off = () => keepOff(options).catch(failed);
  return repeat(OFF_EVERY_MS, off, off());
}

/** Skips a time at which it is still busy. @param running what it is busy with at first. */
function repeat(everyMs: number, act: () => Promise<void>, running: Promise<void> = Promise.resolve()) {
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    running = running.then(act).finally(() => {
      isBusy = false;
    });
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

const OFF_EVERY_MS = 20_000;
/** Longer than the interval, so that no process that has alerts on gets a turn in between. */
const OFF_FOR_MS = 60_000;

/**
 * During a rolling restart some processes have alerts on and others off: those that have them off win. They take the turn of the
 * others, which would raise again what is closed here, and keep it until a minute after the last of them has ended.
 */
async function keepOff({ redis, keyspace, database }: MoneyWatchOptions): Promise<void> {
  await redis.set(keyspace.alertTurn('watch'), 'off', 'PX', OFF_FOR_MS);
  // Repeated: a check may have been running.
  await closeAll(database);
}

/** Nothing checks them any more: closed without a notice. The other types of alerts end by themselves. */
const CHECKED = ['budget.threshold_reached', 'credits.low', 'account.expiring', 'provider.credential_refused'] as const;

async function closeAll(database: Database): Promise<void> {
  const store = createAlertStore(database);
  const now = Date.now();
  for (const type of CHECKED) {
    for (const once of await store.open(type)) await store.resolve(once, now, true);
  }
  await store.prune(now);
}

async function inTurn({ redis, keyspace }: MoneyWatchOptions, { check_ms }: AlertSettings, check: () => Promise<void>) {
  // Slightly shorter than the interval, so that the holder is not blocked by its own previous lock.
  const turn = await redis.set(keyspace.alertTurn('watch'), '1', 'PX', Math.ceil(check_ms * 0.9), 'NX');
  if (turn === 'OK') await check();
}

/** One check of everything. */
export function createMoneyCheck(options: MoneyWatchOptions): () => Promise<void> {
  const { database, reports, logger } = options;
  const { alerts } = options.runtime.configuration;
  const store = createAlertStore(database);
  const { days, deviations, min_usd } = alerts.spend;
  const anomalies = createAnomalyWatch(reports, { days, deviations, minPico: parseUsd(String(min_usd)) });
  const raise = async (alert: NewAlert) => {
    if (await store.raise(alert)) logger.warn({ alert: alert.type, ...alert.payload }, 'alert');
  };
  return async () => {
    const now = Date.now();
    await watchBudgets(options, store, now, raise);
    await watchAccounts({ options, store, raise, nowMs: now });
    if (alerts.spend.enabled) {
      for (const anomaly of await anomalies.find(now)) await raise(anomalyAlert(anomaly, now));
    }
    if (alerts.reconcile.enabled) await watchBills(options, now, raise);
    await store.prune(now);
  };
}

type Raise = (alert: NewAlert) => Promise<void>;

/**
 * Of each budget one alert lasts, that of the highest threshold, until its period is over or the budget is changed. A sum that is
 * missing or lower than before does not end it: Redis may have lost it, and the threshold would be told again.
 */
async function watchBudgets(options: MoneyWatchOptions, store: AlertStore, now: number, raise: Raise): Promise<void> {
  const { budget_percent: percents } = options.runtime.configuration.alerts;
  const told = await toldBudgets(store);
  const close = async (subject: string, levels: readonly number[]) => {
    for (const level of levels) await store.resolve(`${subject}:${level}`, now, true);
  };
  for await (const { percent, ...one } of budgetThresholds(options, percents, now)) {
    const subject = subjectOf(one);
    const levels = told.get(subject) ?? [];
    if (percent === null) {
      if (levels.some((level) => percents.includes(level))) told.delete(subject);
      continue;
    }
    told.delete(subject);
    const highest = Math.max(percent, ...levels);
    await close(
      subject,
      levels.filter((level) => level < highest),
    );
    if (!levels.includes(highest)) await raise(budgetAlert({ ...one, percent }, now));
  }
  for (const [subject, levels] of told) await close(subject, levels);
}

const BUDGET = 'budget.threshold_reached' as const;

/** The thresholds that alerts which last are about, by budget. */
async function toldBudgets(store: AlertStore): Promise<Map<string, number[]>> {
  const told = new Map<string, number[]>();
  for (const once of await store.open(BUDGET)) {
    const end = once.lastIndexOf(':');
    const subject = once.slice(0, end);
    told.set(subject, [...(told.get(subject) ?? []), Number(once.slice(end + 1))]);
  }
  return told;
}

/** With its limit: a budget that is changed has thresholds of its own. */
function subjectOf({ budget: { account, limit } }: Pick<BudgetThreshold, 'budget'>): string {
  return `budget:${account}:${limit}`;
}

function budgetAlert(reached: BudgetThreshold & { percent: number }, now: number): NewAlert {
  const { budget, name, percent, spent } = reached;
  const { owner, period, since, limit } = budget;
  return {
    type: BUDGET,
    once: `${subjectOf(reached)}:${percent}`,
    ...(owner.kind === 'key' ? { keyId: owner.id } : {}),
    ...(since === null ? {} : { expiresAtMs: now + KEPT_MS }),
    payload: {
      account: owner.id,
      account_kind: owner.kind,
      account_name: name,
      period,
      period_start: since,
      percent,
      budget_usd: formatUsd(BigInt(limit)),
      spent_usd: formatUsd(spent),
    },
  };
}

type FoundAnomaly = Awaited<ReturnType<ReturnType<typeof createAnomalyWatch>['find']>>[number];

function anomalyAlert({ scope, name, spent, usual, limit }: FoundAnomaly, now: number): NewAlert {
  const hour = `${new Date(now).toISOString().slice(0, 13)}:00:00Z`;
  return {
    type: 'spend.anomaly',
    once: `spend:${scope}:${name}:${hour}`,
    ...(scope === 'key' ? { keyId: name } : {}),
    expiresAtMs: now + KEPT_MS,
    payload: {
      scope,
      name: scope === 'all' ? null : name,
      hour,
      spent_usd: formatUsd(spent),
      usual_usd: formatUsd(usual),
      unusual_above_usd: formatUsd(limit),
    },
  };
}

/** Reads each provider's report once a day. The modules for it are loaded only if a report is configured. */
async function watchBills(options: MoneyWatchOptions, now: number, raise: Raise): Promise<void> {
  const { redis, keyspace, runtime, logger } = options;
  const day = new Date(now - REPORT_AGE_DAYS * DAY_MS).toISOString().slice(0, 10);
  for (const [name, settings] of Object.entries(runtime.configuration.providers)) {
    if (settings.usage_api === undefined) continue;
    const turn = keyspace.alertTurn(`bill:${name}:${day}`);
    if ((await redis.set(turn, '1', 'PX', REPORT_RETRY_MS, 'NX')) !== 'OK') continue;
    try {
      await watchBill(options, name, day, now, raise);
      await redis.pexpire(turn, REPORT_AGE_DAYS * DAY_MS);
    } catch (error) {
      logger.warn({ err: error, provider: name }, 'the provider’s usage report could not be read');
    }
  }
}

async function watchBill(
  { runtime, reports }: MoneyWatchOptions,
  name: string,
  day: string,
  now: number,
  raise: Raise,
) {
  const provider = runtime.catalogue.providers.get(name);
  const settings = runtime.configuration.providers[name];
  if (provider === undefined || settings === undefined) return;
  const [{ describeComparison, reconcile, reportSourceOf }, { fetchReport }] = await Promise.all([
    import('#src/ledger/reconciliation/reconcile.ts'),
    import('#src/ledger/reconciliation/fetch-report.ts'),
  ]);
  const { tolerance_percent: percent, tolerance_usd: usd } = runtime.configuration.alerts.reconcile;
  const span = { from: day, to: day };
  const comparison = await reconcile(reports, name, span, {
    report: await fetchReport(reportSourceOf(provider, settings)!, span),
    by: [],
    tolerance: { percent, usd: parseUsd(String(usd)) },
    keyIds: settings.usage_api?.key_ids ?? {},
  });
  if (comparison.isEqual) return;
  const { total, notes } = describeComparison(name, span, comparison);
  await raise({
    type: 'reconciliation.differs',
    once: `bill:${name}:${day}`,
    expiresAtMs: now + KEPT_MS,
    payload: {
      provider: name,
      day,
      ledger: total.ledger,
      billed: total.provider,
      differences: total.differences,
      estimated_attempts: total.estimated_attempts,
      unsettled_attempts: total.unsettled_attempts,
      notes,
    },
  });
}
