// Alerts: open ones, with links to where to act on them, and those that are over.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { CURRENT_ALERTS, useQuery } from '../api/query.ts';
import type { Alert, Settings } from '../api/types.ts';
import { ago, duration, time, usd, words } from '../parts/format.ts';
import { Badge, type Choice, Empty, Loaded, Page, Panel, Select, type Tone } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

interface AlertPage {
  data: Alert[];
  has_more: boolean;
}

const EVERY_MS = 15_000;

export default function AlertsPage() {
  const [type, setType] = useState('');
  const [before, setBefore] = useState<string | null>(null);
  const current = useQuery<AlertPage>(...CURRENT_ALERTS);
  const over = useQuery<AlertPage>('/alerts', { state: 'over', type, before, limit: 50 }, { everyMs: EVERY_MS });
  const choose = (chosen: string) => {
    setType(chosen);
    setBefore(null);
  };
  return (
    <Page title="Alerts">
      <Panel title="Current" isFlush>
        <Loaded of={current}>
          {({ data, has_more: hasMore }) =>
            data.length === 0 ? <AllWell /> : <AlertTable label="Current" alerts={data} hasMore={hasMore} />
          }
        </Loaded>
      </Panel>
      <Panel title="Over" more={<Select label="Kind" value={type} onChange={choose} choices={KINDS} />} isFlush>
        <Loaded of={over}>
          {({ data, has_more: hasMore }) => (
            <>
              {data.length === 0 ? (
                <Empty>No alert has ended yet.</Empty>
              ) : (
                <AlertTable label="Over" alerts={data} isOver />
              )}
              {before === null && !hasMore ? null : (
                <div class="body legend">
                  {before === null ? null : (
                    <button type="button" class="button small" onClick={() => setBefore(null)}>
                      Newest
                    </button>
                  )}
                  {hasMore ? (
                    <button type="button" class="button small" onClick={() => setBefore(data.at(-1)?.id ?? null)}>
                      Older
                    </button>
                  ) : null}
                </div>
              )}
            </>
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}

function AllWell() {
  return (
    <Loaded of={useQuery<Settings>('/settings')}>
      {({ configuration }) => {
        const { enabled, check_ms: checkMs } = configuration.alerts as { enabled: boolean; check_ms: number };
        if (!enabled) {
          return (
            <Empty>
              Alerts are off: nothing is checked. To turn them on, set <code>alerts.enabled</code> to <code>true</code>.
            </Empty>
          );
        }
        return (
          <Empty>
            Nothing needs attention. Budgets, prepaid balances, expiries, refused credentials and unusual spending are
            checked every {checkMs === 60_000 ? 'minute' : duration(checkMs)}. To receive alerts elsewhere, add a
            receiver in <a href="/console/webhooks">Webhooks</a>.
          </Empty>
        );
      }}
    </Loaded>
  );
}

interface AlertTableProps {
  label: string;
  alerts: readonly Alert[];
  isOver?: boolean;
  hasMore?: boolean;
}

function AlertTable({ label, alerts, isOver = false, hasMore = false }: AlertTableProps) {
  const heads = isOver ? ['Began', 'Ended', 'Alert', 'About', ''] : ['Since', 'Alert', 'About', ''];
  return (
    <>
      <Table label={label} heads={heads}>
        {alerts.map((alert) => (
          <AlertRow key={alert.id} alert={alert} isOver={isOver} />
        ))}
      </Table>
      {hasMore ? <p class="empty">The newest {alerts.length} are shown.</p> : null}
    </>
  );
}

function AlertRow({ alert, isOver }: { alert: Alert; isOver: boolean }) {
  const kind = KIND_OF[alert.type];
  const data = alert.data as Record<string, unknown>;
  return (
    <tr>
      <td class="number" title={time(alert.created_at)}>
        {isOver ? time(alert.created_at) : ago(alert.created_at)}
      </td>
      {isOver ? <td class="number">{alert.ended_at === null ? '' : time(alert.ended_at)}</td> : null}
      <td>
        <Badge tone={isOver ? 'plain' : toneOf(kind, data)}>{kind?.label ?? alert.type}</Badge>
      </td>
      <td class="name">{kind === undefined ? alert.type : kind.about(data)}</td>
      <td class="end">
        {kind === undefined ? null : <a href={`/console${kind.placeOf(data)}`}>{kind.place(data)}</a>}
      </td>
    </tr>
  );
}

interface Kind {
  label: string;
  tone: Tone;
  about(data: Record<string, unknown>): ComponentChildren;
  /** Where the operator can act on it. */
  place(data: Record<string, unknown>): string;
  placeOf(data: Record<string, unknown>): string;
}

function toneOf(kind: Kind | undefined, { percent }: Record<string, unknown>): Tone {
  if (kind === KIND_OF['budget.threshold_reached'] && Number(percent) >= 100) return 'bad';
  return kind?.tone ?? 'plain';
}

const money = (value: unknown) => usd(String(value));
const nameOf = ({ account_kind: kind, account_name: name }: Record<string, unknown>) => (
  <>
    {String(kind)} <b>{String(name)}</b>
  </>
);
const ofAccount = {
  place: ({ account_kind: kind }: Record<string, unknown>) => (kind === 'key' ? 'Keys' : 'Accounts'),
  placeOf: ({ account_kind: kind }: Record<string, unknown>) => (kind === 'key' ? '/keys' : '/accounts'),
};

/** `alert.resolved` is the notice of an end, which the list does not have. */
const KIND_OF: Partial<Record<Alert['type'], Kind>> = {
  'budget.threshold_reached': {
    label: 'budget',
    tone: 'warn',
    about: (data) => (
      <>
        {nameOf(data)}: {String(data.percent)} % of {money(data.budget_usd)} ({periodOf(data)}) reached,{' '}
        {money(data.spent_usd)} spent then
      </>
    ),
    ...ofAccount,
  },
  'credits.low': {
    label: 'low balance',
    tone: 'bad',
    about: (data) => (
      <>
        {nameOf(data)}: {money(data.balance_usd)} left of a payment of {money(data.payment_usd)}
      </>
    ),
    ...ofAccount,
  },
  'account.expiring': {
    label: 'expires soon',
    tone: 'warn',
    about: (data) => (
      <>
        {nameOf(data)} expires {ago(String(data.expires_at))} ({time(String(data.expires_at))})
      </>
    ),
    ...ofAccount,
  },
  'provider.credential_refused': {
    label: 'credential refused',
    tone: 'bad',
    about: (data) => (
      <>
        <b>{String(data.provider)}</b>
        {data.credential == null ? '' : `, credential ${data.credential}`}: {words(String(data.code))}
        {Array.isArray(data.deployments) && data.deployments.length > 0 ? `, for ${data.deployments.join(', ')}` : ''}
      </>
    ),
    place: () => 'Providers',
    placeOf: () => '/providers',
  },
  'spend.anomaly': {
    label: 'unusual spending',
    tone: 'warn',
    about: (data) => (
      <>
        {data.scope === 'all' ? 'In all' : <b>{`${data.scope} ${data.name}`}</b>}: {money(data.spent_usd)} in the hour
        from {time(String(data.hour))}, usually {money(data.usual_usd)}
      </>
    ),
    place: () => 'Money',
    placeOf: () => '/money',
  },
  'reconciliation.differs': {
    label: 'bill differs',
    tone: 'warn',
    about: (data) => (
      <>
        <b>{String(data.provider)}</b>, {String(data.day)}: {(data.differences as string[]).map(words).join(', ')}
      </>
    ),
    place: () => 'Money',
    placeOf: () => '/money',
  },
};

function periodOf({ period, period_start: start }: Record<string, unknown>): string {
  return start === null ? String(period) : `${period} from ${start}`;
}

const KINDS: Choice[] = [['', 'any'], ...Object.entries(KIND_OF).map(([type, { label }]) => [type, label] as const)];
