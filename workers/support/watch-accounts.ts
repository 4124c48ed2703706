// Watches prepaid balances that run low, keys and accounts that expire, and credentials that providers refuse. Each raises one
// alert when it begins and one notice when it is over.
import { creditStandings } from '#src/accounts/credit-standings.ts';
import { expiringAccounts } from '#src/accounts/expiring.ts';
import type { Runtime } from '#src/config/runtime.ts';
import { formatUsd, type PicoUsd, parseUsd } from '#src/contracts/money.ts';
import { readRefusedCredentials } from '#src/routing/refused-credentials.ts';
import type { Database } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { AlertStore, AlertType, NewAlert } from '#src/webhooks/alert-store.ts';

const DAY_MS = 86_400_000;

interface Watch {
  options: {
    runtime: Pick<Runtime, 'configuration'>;
    redis: RedisClient;
    keyspace: Keyspace;
    database: Database;
  };
  store: AlertStore;
  raise(alert: NewAlert): Promise<void>;
  nowMs: number;
}

export async function watchAccounts(watch: Watch): Promise<void> {
  await tell(watch, 'credits.low', await lowBalances(watch));
  await tell(watch, 'account.expiring', await expiries(watch));
  await tell(watch, 'provider.credential_refused', await refusals(watch));
}

/** The state of one subject; a higher level raises another alert, a lower one does not. */
interface Standing {
  subject: string;
  level: number;
  alert: Omit<NewAlert, 'once'>;
}

const BETWEEN = '|';

/** Raises alerts for new subjects and higher levels; resolves the alerts of subjects that are over. @param found null if it is off. */
async function tell(watch: Watch, type: AlertType, found: readonly Standing[] | null): Promise<void> {
  const { store, raise, nowMs } = watch;
  const standings = found ?? [];
  const current = new Map(standings.map((standing) => [standing.subject, standing]));
  for (const once of await store.open(type)) {
    const [subject = '', level] = once.split(BETWEEN);
    const now = current.get(subject);
    // Where the alert was switched off, nothing is known to be over: closed without a notice.
    if (now === undefined) await store.resolve(once, nowMs, found === null || hasHappened(subject, nowMs));
    else if (Number(level) >= now.level) current.delete(subject);
    // Replaced by the alert of the higher level.
    else await store.resolve(once, nowMs, true);
  }
  for (const { subject, level, alert } of current.values())
    await raise({ ...alert, once: `${subject}${BETWEEN}${level}` });
}

/** Whether an expiry has taken effect without being postponed: it is over, but was not averted. */
function hasHappened(subject: string, nowMs: number): boolean {
  const [kind, , atMs] = subject.split(':');
  return kind === EXPIRY && Number(atMs) <= nowMs;
}

const EXPIRY = 'expiry';

/** Null if this alert is off. */
async function lowBalances({ options }: Watch): Promise<Standing[] | null> {
  const { credit_percent: percents, credit_usd: amounts } = options.runtime.configuration.alerts;
  if (percents.length + amounts.length === 0) return null;
  const found: Standing[] = [];
  for await (const { account, kind, name, balance, payment } of creditStandings(options)) {
    const isUnder = (threshold: PicoUsd) => balance <= threshold;
    const shares = percents.filter((one) => isUnder((payment * BigInt(one)) / 100n));
    const sums = amounts.filter((one) => isUnder(parseUsd(String(one))));
    if (shares.length + sums.length === 0) continue;
    const payload = {
      account,
      account_kind: kind,
      account_name: name,
      balance_usd: formatUsd(balance),
      payment_usd: formatUsd(payment),
      percent: lowest(shares),
      below_usd: lowest(sums),
    };
    const alert = { type: 'credits.low' as const, ...(kind === 'key' ? { keyId: account } : {}), payload };
    found.push({ subject: `credits:${account}`, level: shares.length + sums.length, alert });
  }
  return found;
}

function lowest(reached: readonly number[]): number | null {
  return reached.length === 0 ? null : Math.min(...reached);
}

/** Null if this alert is off. */
async function expiries({ options, nowMs }: Watch): Promise<Standing[] | null> {
  const { expiry_days: days } = options.runtime.configuration.alerts;
  if (days.length === 0) return null;
  const found: Standing[] = [];
  const within = Math.max(...days) * DAY_MS;
  for await (const { account, kind, name, expiresAtMs } of expiringAccounts(options.database, nowMs, within)) {
    const reached = days.filter((one) => expiresAtMs - nowMs <= one * DAY_MS);
    const payload = {
      account,
      account_kind: kind,
      account_name: name,
      expires_at: new Date(expiresAtMs).toISOString(),
      days: lowest(reached),
    };
    const alert = { type: 'account.expiring' as const, ...(kind === 'key' ? { keyId: account } : {}), payload };
    found.push({ subject: `${EXPIRY}:${account}:${expiresAtMs}`, level: reached.length, alert });
  }
  return found;
}

/** Null if this alert is off. */
async function refusals({ options }: Watch): Promise<Standing[] | null> {
  const { redis, keyspace, runtime } = options;
  if (!runtime.configuration.alerts.credentials) return null;
  const refused = await readRefusedCredentials(redis, keyspace);
  return refused.map((payload) => ({
    subject: `refused:${payload.provider}/${payload.credential ?? ''}:${payload.code}`,
    level: 1,
    alert: { type: 'provider.credential_refused' as const, payload },
  }));
}
