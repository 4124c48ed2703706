// Spend by day and any other dimension: stacked, compared with the previous period, with forecast and export.
import { useMemo, useState } from 'preact/hooks';
import { useQuery } from '../api/query.ts';
import type { ApiKey, UsageRow } from '../api/types.ts';
import { Budgets, Rejects, Uncertain } from '../money/books.tsx';
import {
  changeOf,
  DAY_MS,
  DIMENSIONS,
  type Dimension,
  dayOf,
  dollars,
  forecastMonth,
  percent,
  picoOf,
  reportFiles,
  spentOn,
  sum,
  totalsBy,
  totalsByDay,
  uncertainOf,
} from '../money/spend.ts';
import { serverNow } from '../parts/clock.ts';
import { count, usd } from '../parts/format.ts';
import { Bar, type Choice, Figure, Loaded, Page, Panel, Select } from '../parts/panel.tsx';
import { Stack, type StackDay } from '../parts/stack.tsx';
import { Table } from '../parts/table.tsx';

/** The largest page of a report: 90 days of 500 keys. */
const MAX_ROWS = 50_000;
/** One series per colour; the rest is summed up. */
const MAX_PARTS = 7;
/** Days; 0 means the same number as shown. */
const COMPARED: readonly Choice[] = [
  ['0', 'previous period'],
  ['28', 'four weeks before'],
  ['364', 'a year before'],
];

export default function MoneyPage() {
  const [days, setDays] = useState('30');
  const [by, setBy] = useState<Dimension>('model');
  const [compared, setCompared] = useState('0');
  const length = Number(days);
  const shift = Number(compared) || length;
  const day = (ago: number) => dayOf(serverNow() - ago * DAY_MS);
  const [from, to] = [day(length - 1), day(0)];
  const [beforeFrom, beforeTo] = [day(length - 1 + shift), day(shift)];
  const group = `day,${by}`;
  const usage = useQuery<{ data: UsageRow[]; has_more: boolean }>(
    '/usage',
    { group_by: group, from, to, limit: MAX_ROWS },
    { everyMs: 60_000 },
  );
  const before = useQuery<{ data: UsageRow[] }>('/usage', {
    group_by: group,
    from: beforeFrom,
    to: beforeTo,
    limit: MAX_ROWS,
  });
  const nameOf = useNames(by);
  const more = (
    <>
      <Select
        label="Time"
        value={days}
        onChange={setDays}
        choices={['7', '30', '90'].map((value) => [value, `${value} days`] as const)}
      />
      <Select label="Beside" value={compared} onChange={setCompared} choices={COMPARED} />
      <Select
        label="By"
        value={by}
        onChange={(value) => setBy(value as Dimension)}
        choices={DIMENSIONS.map((value) => [value, value] as const)}
      />
    </>
  );
  return (
    <Page title="Money" more={more}>
      <Loaded of={usage}>
        {({ data, has_more: isPart }) => {
          const shown = { rows: data, before: before.data?.data ?? [], by, nameOf };
          return (
            <>
              {isPart ? (
                <p class="notice warn">
                  The report has more than {count(MAX_ROWS)} rows of day and {by}; the sums cover only these. Choose a
                  shorter period, or export all calls.
                </p>
              ) : null}
              <Totals rows={data} before={shown.before} length={length} />
              <Panel title={`Spend by day (UTC) and ${by}`} more={<Exports rows={data} by={by} from={from} to={to} />}>
                <SpendByDay {...shown} from={from} beforeFrom={beforeFrom} length={length} />
              </Panel>
              <Panel title={`Spend by ${by}`} isFlush>
                <SpendTable {...shown} />
              </Panel>
            </>
          );
        }}
      </Loaded>
      <Budgets />
      <Uncertain from={from} to={to} />
      <Rejects />
    </Page>
  );
}

/** Names of keys and accounts, by id. */
function useNames(by: Dimension): (value: string) => string {
  const keys = useQuery<{ data: ApiKey[] }>('/keys').data?.data;
  const isAccount = by === 'project' || by === 'organisation';
  const accounts = useQuery<{ data: { id: string; name: string }[] }>('/accounts', {}, { isOff: !isAccount }).data
    ?.data;
  return useMemo(() => {
    const named = by === 'key' ? keys : isAccount ? accounts : [];
    const names = new Map((named ?? []).map(({ id, name }) => [id, name]));
    return (value) => (value === '' ? 'none' : (names.get(value) ?? value));
  }, [by, keys, accounts, isAccount]);
}

function Exports({ rows, by, from, to }: { rows: readonly UsageRow[]; by: Dimension; from: string; to: string }) {
  const { csv, json } = useMemo(() => reportFiles(rows, by), [rows, by]);
  const ledger = `/admin/usage/export?${new URLSearchParams({ from, to })}`;
  return (
    <>
      <a class="button small" href={csv} download={`sluice-usage-${from}.csv`}>
        CSV
      </a>
      <a class="button small" href={json} download={`sluice-usage-${from}.json`}>
        JSON
      </a>
      <a class="button small" href={`${ledger}&format=csv`} download>
        Every call, CSV
      </a>
      <a class="button small" href={`${ledger}&format=jsonl`} download>
        Every call, JSON
      </a>
      <a class="button small" href={`${ledger}&format=parquet`} download>
        Every call, Parquet
      </a>
    </>
  );
}

function Totals({ rows, before, length }: { rows: readonly UsageRow[]; before: readonly UsageRow[]; length: number }) {
  const month = useQuery<{ data: UsageRow[] }>('/usage', { group_by: 'day', from: dayOf(serverNow() - 38 * DAY_MS) });
  const { spent: ofMonth, forecast } = forecastMonth(month.data?.data ?? [], serverNow());
  const spent = spentOn(rows);
  const change = changeOf(spent, spentOn(before));
  return (
    <div class="grid figures">
      <Figure
        label={`Spent in ${length} days`}
        value={usd(spent)}
        more={change === null ? 'nothing before' : `${percent(change)} compared with ${usd(spentOn(before))}`}
      />
      <Figure label="This month" value={usd(ofMonth)} more={`${usd(forecast)} forecast, from the last seven days`} />
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
      <Figure label="Uncertain" value={count(sum(rows, uncertainOf))} more="attempts estimated or unsettled" />
    </div>
  );
}

interface SpendProps {
  rows: readonly UsageRow[];
  before: readonly UsageRow[];
  by: Dimension;
  nameOf: (value: string) => string;
}

interface DaysProps extends SpendProps {
  from: string;
  beforeFrom: string;
  length: number;
}

function SpendByDay({ rows, before, by, nameOf, from, beforeFrom, length }: DaysProps) {
  const { parts, days } = useMemo(() => {
    const names = totalsBy(rows, [], by)
      .slice(0, MAX_PARTS)
      .map(({ value }) => value);
    const start = Date.parse(from);
    const byDay = Map.groupBy(rows, (row) => row.day ?? '');
    const all = Array.from({ length }, (_, index): StackDay => {
      const day = dayOf(start + index * DAY_MS);
      const values = new Array<bigint>(names.length + 1).fill(0n);
      for (const row of byDay.get(day) ?? []) {
        const at = names.indexOf(row[by] ?? '');
        values[at < 0 ? names.length : at]! += picoOf(row);
      }
      return { label: day, values: values.map(dollars) };
    });
    const hasRest = all.some(({ values }) => values.at(-1)! > 0);
    return { parts: [...names.map(nameOf), ...(hasRest ? ['all others'] : [])], days: all };
  }, [rows, by, from, length, nameOf]);
  const compared = before.length === 0 ? undefined : totalsByDay(before, beforeFrom, length);
  return <Stack label={`Spend by day (UTC) and ${by}`} parts={parts} days={days} before={compared} format={usd} />;
}

function SpendTable({ rows, before, by, nameOf }: SpendProps) {
  const totals = totalsBy(rows, before, by);
  const all = sum(totals, ({ cost }) => cost);
  return (
    <Table
      label={`Spend by ${by}`}
      heads={[
        by[0]!.toUpperCase() + by.slice(1),
        ['Spent', 'end'],
        ['Before', 'end'],
        ['Change', 'end'],
        'Share',
        ['Attempts', 'end'],
        ['Input', 'end'],
        ['Cached', 'end'],
        ['Output', 'end'],
        ['Uncertain', 'end'],
      ]}
      empty="No cost in this period."
    >
      {totals.map(({ value, own, cost, before: then }) => (
        <tr key={value}>
          <td class="name">{nameOf(value)}</td>
          <td class="end">{usd(cost)}</td>
          <td class="end">{usd(then)}</td>
          <td class="end">{percent(changeOf(cost, then))}</td>
          <td style={{ minWidth: '7rem' }}>
            <Bar part={all === 0 ? 0 : cost / all} label={`Share of ${nameOf(value)}`} isPlain />
          </td>
          <td class="end">{count(sum(own, (row) => row.attempts))}</td>
          <td class="end">{count(sum(own, (row) => row.input_tokens))}</td>
          <td class="end">{count(sum(own, (row) => row.cached_input_tokens))}</td>
          <td class="end">{count(sum(own, (row) => row.output_tokens))}</td>
          <td class="end">{count(sum(own, uncertainOf))}</td>
        </tr>
      ))}
    </Table>
  );
}
