// What was spent, by day and by anything else: stacked, compared with the days before, budgets with their forecasts, entries
// that are not certain, and all of it as a file.
import { useMemo, useState } from 'preact/hooks';
import { call, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { ApiKey, Budget, Page as FoundPage, Reject, UsageRow } from '../api/types.ts';
import { Action } from '../parts/actions.tsx';
import { count, time, usd, words } from '../parts/format.ts';
import { Badge, Bar, Empty, Figure, Loaded, Page, Panel, Select } from '../parts/panel.tsx';
import { Stack, type StackDay } from '../parts/stack.tsx';

const DAY_MS = 86_400_000;
const DIMENSIONS = ['model', 'provider', 'key'] as const;
type Dimension = (typeof DIMENSIONS)[number];
/** As many colours as there are; the rest is one. */
const MAX_PARTS = 7;

export default function MoneyPage() {
  const [days, setDays] = useState('30');
  const [by, setBy] = useState<Dimension>('model');
  const length = Number(days);
  const from = dayOf(Date.now() - (length - 1) * DAY_MS);
  const usage = useQuery<{ data: UsageRow[] }>('/usage', { group_by: `day,${by}`, from });
  const before = useQuery<{ data: UsageRow[] }>('/usage', {
    group_by: 'day',
    from: dayOf(Date.now() - (2 * length - 1) * DAY_MS),
    to: dayOf(Date.now() - length * DAY_MS),
  });
  const keys = useQuery<{ data: ApiKey[] }>('/keys').data?.data ?? [];
  const nameOf = (value: string) => (by === 'key' ? (keys.find(({ id }) => id === value)?.name ?? value) : value);
  const more = (
    <>
      <Select
        label="Time"
        value={days}
        onChange={setDays}
        choices={['7', '30', '90'].map((value) => [value, `${value} days`] as const)}
      />
      <Select
        label="By"
        value={by}
        onChange={(value) => setBy(value as Dimension)}
        choices={DIMENSIONS.map((value) => [value, value] as const)}
      />
      <a class="button" href={csvOf(usage.data?.data ?? [], by)} download={`sluice-usage-${from}.csv`}>
        Export CSV
      </a>
    </>
  );
  return (
    <Page title="Money" more={more}>
      <Loaded of={usage}>
        {({ data }) => (
          <>
            <Totals rows={data} before={before.data?.data ?? []} length={length} />
            <Panel title={`Spend by day and ${by}`}>
              <SpendByDay rows={data} by={by} from={from} length={length} nameOf={nameOf} />
            </Panel>
            <Panel title={`Spend by ${by}`} isFlush>
              <SpendTable rows={data} by={by} nameOf={nameOf} />
            </Panel>
          </>
        )}
      </Loaded>
      <Budgets />
      <Rejects />
    </Page>
  );
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function Totals({ rows, before, length }: { rows: readonly UsageRow[]; before: readonly UsageRow[]; length: number }) {
  const spent = sum(rows, (row) => Number(row.cost_usd));
  const spentBefore = sum(before, (row) => Number(row.cost_usd));
  const change = spentBefore === 0 ? null : (spent - spentBefore) / spentBefore;
  const uncertain = sum(rows, (row) => row.estimated_attempts + row.unsettled_attempts);
  return (
    <div class="grid figures">
      <Figure
        label={`Spent in ${length} days`}
        value={usd(spent)}
        more={
          change === null
            ? 'nothing before'
            : `${change >= 0 ? '+' : ''}${(change * 100).toFixed(0)} % to the ${length} days before`
        }
      />
      <Figure label="At this pace, a month" value={usd((spent / length) * 30)} />
      <Figure
        label="Attempts"
        value={count(sum(rows, (row) => row.attempts))}
        more={`${count(sum(rows, (row) => row.failed_attempts))} failed`}
      />
      <Figure
        label="Tokens"
        value={count(sum(rows, (row) => row.input_tokens + row.output_tokens))}
        more={`${count(sum(rows, (row) => row.cached_input_tokens))} read from caches`}
      />
      <Figure label="Not certain" value={count(uncertain)} more="attempts estimated or unsettled" />
    </div>
  );
}

function sum<T>(rows: readonly T[], pick: (row: T) => number): number {
  return rows.reduce((total, row) => total + pick(row), 0);
}

interface SpendProps {
  rows: readonly UsageRow[];
  by: Dimension;
  nameOf: (value: string) => string;
}

function SpendByDay({ rows, by, nameOf, from, length }: SpendProps & { from: string; length: number }) {
  const { parts, days } = useMemo(() => {
    const leading = totalsBy(rows, by).slice(0, MAX_PARTS);
    const names = leading.map(({ value }) => value);
    const start = Date.parse(from);
    const byDay = Map.groupBy(rows, (row) => row.day ?? '');
    const all = Array.from({ length }, (_, index): StackDay => {
      const day = dayOf(start + index * DAY_MS);
      const values = new Array<number>(names.length + 1).fill(0);
      for (const row of byDay.get(day) ?? []) {
        const at = names.indexOf(row[by] ?? '');
        values[at < 0 ? names.length : at]! += Number(row.cost_usd);
      }
      return { label: day, values };
    });
    const hasRest = all.some(({ values }) => values.at(-1)! > 0);
    return { parts: [...names.map(nameOf), ...(hasRest ? ['all others'] : [])], days: all };
  }, [rows, by, from, length, nameOf]);
  return <Stack label={`Spend by day and ${by}`} parts={parts} days={days} format={usd} />;
}

function totalsBy(rows: readonly UsageRow[], by: Dimension) {
  return [...Map.groupBy(rows, (row) => row[by] ?? '')]
    .map(([value, own]) => ({ value, own, cost: sum(own, (row) => Number(row.cost_usd)) }))
    .sort((a, b) => b.cost - a.cost);
}

function SpendTable({ rows, by, nameOf }: SpendProps) {
  const totals = totalsBy(rows, by);
  const all = sum(totals, ({ cost }) => cost);
  if (totals.length === 0) return <Empty>Nothing was spent.</Empty>;
  return (
    <div class="scroll" tabIndex={0}>
      <table class="plain">
        <thead>
          <tr>
            <th>{by}</th>
            <th class="end">Spent</th>
            <th>Share</th>
            <th class="end">Attempts</th>
            <th class="end">Input</th>
            <th class="end">Cached</th>
            <th class="end">Output</th>
            <th class="end">Not certain</th>
          </tr>
        </thead>
        <tbody>
          {totals.map(({ value, own, cost }) => (
            <tr key={value}>
              <td>{nameOf(value)}</td>
              <td class="end">{usd(cost)}</td>
              <td style={{ minWidth: '8rem' }}>
                <Bar part={all === 0 ? 0 : Math.min(0.74, (cost / all) * 0.74)} label={`Share of ${nameOf(value)}`} />
              </td>
              <td class="end">{count(sum(own, (row) => row.attempts))}</td>
              <td class="end">{count(sum(own, (row) => row.input_tokens))}</td>
              <td class="end">{count(sum(own, (row) => row.cached_input_tokens))}</td>
              <td class="end">{count(sum(own, (row) => row.output_tokens))}</td>
              <td class="end">{count(sum(own, (row) => row.estimated_attempts + row.unsettled_attempts))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Budgets() {
  const budgets = useQuery<{ data: Budget[] }>('/budgets', {}, { everyMs: 10_000 });
  return (
    <Panel title="Budgets" isFlush>
      <Loaded of={budgets}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty>Nobody has a budget.</Empty>
          ) : (
            <div class="scroll" tabIndex={0}>
              <table class="plain">
                <thead>
                  <tr>
                    <th>Of</th>
                    <th>Period</th>
                    <th>Used</th>
                    <th class="end">Spent</th>
                    <th class="end">Budget</th>
                    <th class="end">By its end, at this pace</th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((budget) => (
                    <BudgetRow key={`${budget.id} ${budget.period}`} budget={budget} />
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </Panel>
  );
}

function BudgetRow({ budget }: { budget: Budget }) {
  const [spent, limit] = [Number(budget.spent_usd), Number(budget.budget_usd)];
  const forecast = budget.forecast_usd === null ? null : Number(budget.forecast_usd);
  return (
    <tr>
      <td>
        {budget.name} <span class="muted">{budget.kind}</span>
      </td>
      <td>{words(budget.period)}</td>
      <td style={{ minWidth: '8rem' }}>
        <Bar part={limit === 0 ? 1 : spent / limit} label={`Budget of ${budget.name}`} />
      </td>
      <td class="end">{usd(spent)}</td>
      <td class="end">{usd(limit)}</td>
      <td class="end">
        {forecast === null ? '–' : forecast > limit ? <Badge tone="bad">{usd(forecast)}</Badge> : usd(forecast)}
      </td>
    </tr>
  );
}

function Rejects() {
  const rejects = useQuery<FoundPage<Reject>>('/ledger/rejects', { limit: 50 }, { everyMs: 30_000 });
  const data = rejects.data?.data ?? [];
  if (data.length === 0) return null;
  const replayAll = async () => {
    await post('/ledger/rejects/replay', {});
    refresh('/ledger');
  };
  return (
    <Panel
      title="Entries that SQL refused"
      more={
        <Action isSmall run={replayAll}>
          Try all again
        </Action>
      }
      isFlush
    >
      <div class="scroll" tabIndex={0}>
        <table class="plain">
          <tbody>
            {data.map((reject) => (
              <tr key={reject.id}>
                <td>{time(reject.rejected_at)}</td>
                <td class="mono">{reject.request_id ?? '–'}</td>
                <td>{reject.part}</td>
                <td>{reject.reason}</td>
                <td class="end">
                  <Action
                    isSmall
                    kind="danger"
                    run={async () => {
                      await call('DELETE', `/ledger/rejects/${reject.id}`);
                      refresh('/ledger');
                    }}
                  >
                    Delete
                  </Action>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function csvOf(rows: readonly UsageRow[], by: Dimension): string {
  const columns = [
    'day',
    by,
    'attempts',
    'failed_attempts',
    'estimated_attempts',
    'unsettled_attempts',
    'input_tokens',
    'cached_input_tokens',
    'output_tokens',
    'reasoning_tokens',
    'cost_usd',
  ] as const;
  const lines = rows.map((row) => columns.map((column) => cell(String(row[column] ?? ''))).join(','));
  return `data:text/csv;charset=utf-8,${encodeURIComponent([columns.join(','), ...lines].join('\r\n'))}`;
}

/** Spreadsheets run what begins like a formula; names come from clients. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
