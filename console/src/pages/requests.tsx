// All completed requests, newest first, filtered by any property. The next page is read when the end of the table comes into view.

import { useCallback, useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { get } from '../api/client.ts';
import { useQuery } from '../api/query.ts';
import type { ApiKey, Page as FoundPage, FoundRequest, Provider } from '../api/types.ts';
import { briefUsd, count, duration, exact, time, usd } from '../parts/format.ts';
import { PagedList } from '../parts/paged-list.ts';
import { type Choice, Empty, Outcome, Page, Panel, Select, Text, Trouble } from '../parts/panel.tsx';
import { type Column, Rows } from '../parts/rows.tsx';

const PAGE_ROWS = 500;

type Filter = Record<string, string>;
const FILTERS = [
  'outcome',
  'model',
  'provider',
  'key',
  'tag',
  'lane',
  'retried',
  'from',
  'to',
  'min_cost_usd',
  'min_ms',
  'stream',
  'protocol',
];

export default function RequestsPage() {
  const { query, route } = useLocation();
  const filter = Object.fromEntries(FILTERS.flatMap((name) => (query[name] ? [[name, query[name]]] : []))) as Filter;
  const name = JSON.stringify(filter);
  const keys = useQuery<{ data: ApiKey[] }>('/keys').data?.data;
  const change = (field: string, value: string) => {
    const { [field]: _, ...others } = filter;
    const search = new URLSearchParams(value === '' ? others : { ...others, [field]: value });
    route(`/console/requests${search.size === 0 ? '' : `?${search}`}`, true);
  };
  return (
    <Page title="Requests" more={<GoTo />}>
      <Panel>
        <Filters filter={filter} keys={keys ?? []} onChange={change} />
      </Panel>
      <Found key={name} filter={filter} keys={keys ?? []} />
    </Page>
  );
}

function GoTo() {
  const { route } = useLocation();
  const [id, setId] = useState('');
  const open = (event: Event) => {
    event.preventDefault();
    if (id.trim() !== '') route(`/console/requests/${encodeURIComponent(id.trim())}`);
  };
  return (
    <form onSubmit={open}>
      <input
        aria-label="Open a request by its id"
        placeholder="req_… (Enter opens it)"
        value={id}
        onInput={(event) => setId(event.currentTarget.value)}
      />
    </form>
  );
}

interface FiltersProps {
  filter: Filter;
  keys: readonly ApiKey[];
  onChange: (field: string, value: string) => void;
}

const ANY: Choice = ['', 'any'];

function Filters({ filter, keys, onChange }: FiltersProps) {
  const providers = useQuery<{ data: Provider[] }>('/providers').data?.data ?? [];
  const field = (name: string) => ({ value: filter[name] ?? '', onChange: (value: string) => onChange(name, value) });
  return (
    <div class="filters">
      <Select
        label="Outcome"
        {...field('outcome')}
        choices={[ANY, ['ok', 'ok'], ['failed', 'failed'], ...known(filter.outcome, ['ok', 'failed'])]}
      />
      <Later label="Failure code" {...field('outcome')} placeholder="upstream_timeout" />
      <Later label="Model" {...field('model')} placeholder="gpt-*, *mini" />
      <Select
        label="Provider"
        {...field('provider')}
        choices={[ANY, ...providers.map(({ name }) => [name, name] as const)]}
      />
      <Select label="Key" {...field('key')} choices={[ANY, ...keys.map((key) => [key.id, key.name] as const)]} />
      <Later label="Tag" {...field('tag')} placeholder="team:search" />
      <Select label="Lane" {...field('lane')} choices={[ANY, ['interactive', 'interactive'], ['batch', 'batch']]} />
      <Select label="Attempts" {...field('retried')} choices={[ANY, ['true', 'more than one']]} />
      <Later label="Took at least (ms)" type="number" {...field('min_ms')} />
      <Later label="Cost at least ($)" {...field('min_cost_usd')} placeholder="0.05" />
      <Later label="From (UTC)" type="date" {...field('from')} />
      <Later label="To (UTC)" type="date" {...field('to')} />
    </div>
  );
}

function known(value: string | undefined, names: readonly string[]): Choice[] {
  return value === undefined || names.includes(value) ? [] : [[value, value]];
}

interface LaterProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  type?: 'date' | 'number';
}

/** A text field that is applied when editing ends, because each search is a server call. */
function Later({ label, value, onChange, ...more }: LaterProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const finish = () => {
    if (text !== value) onChange(text);
  };
  return (
    <Text
      label={label}
      value={text}
      onChange={setText}
      onBlur={finish}
      onKeyDown={(event) => {
        if (event.key === 'Enter') finish();
      }}
      {...more}
    />
  );
}

function useList(filter: Filter) {
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const [turn, again] = useReducer((count: number) => count + 1, 0);
  const list = useMemo(() => {
    const read = (after: string | null) =>
      get<FoundPage<FoundRequest>>('/requests', { ...filter, limit: PAGE_ROWS, after });
    return new PagedList(read, () => redraw(0));
  }, [turn]);
  useEffect(() => {
    list.want(0, 0);
    return () => list.close();
  }, [list]);
  return { list, again: () => again(0) };
}

function Found({ filter, keys }: { filter: Filter; keys: readonly ApiKey[] }) {
  const { list, again } = useList(filter);
  const { length, isLoading, error, searchedUntil } = list;
  const names = useMemo(() => new Map(keys.map((key) => [key.id, key.name])), [keys]);
  const columns = useMemo(() => columnsWith(names), [names]);
  const want = useCallback((first: number, last: number) => list.want(first, last), [list]);
  const more = (
    <>
      <span class="muted number" role="status">
        {isLoading && length === 0
          ? 'searching …'
          : error !== null && length === 0
            ? ''
            : `${exact(length)} found${list.isWhole ? ' in total' : ' so far'}`}
        {searchedUntil !== null && length === 0 ? ` back to ${time(searchedUntil)}` : ''}
      </span>
      {list.isTired ? (
        <button type="button" class="button small" onClick={() => list.goOn()}>
          Search further back
        </button>
      ) : null}
      <button type="button" class="button small" onClick={again}>
        Refresh
      </button>
    </>
  );
  return (
    <Panel title="Found" more={more} isFlush>
      {error === null ? null : <Trouble error={error} />}
      {length === 0 ? (
        error !== null ? null : (
          <Nothing isLoading={isLoading} isFiltered={Object.keys(filter).length > 0} />
        )
      ) : (
        <Rows
          label="Requests, newest first"
          columns={columns}
          count={length}
          rowAt={(index) => list.at(index)}
          linkOf={(row) => `/console/requests/${row.id}`}
          onRange={want}
          minWidth="74rem"
        />
      )}
    </Panel>
  );
}

function Nothing({ isLoading, isFiltered }: { isLoading: boolean; isFiltered: boolean }) {
  if (isLoading) return <Empty>Searching …</Empty>;
  if (isFiltered) return <Empty>No request matches these filters.</Empty>;
  return (
    <Empty>
      No request has ended yet. Send one from the <a href="/console/playground">playground</a>.
    </Empty>
  );
}

function columnsWith(names: ReadonlyMap<string, string>): Column<FoundRequest>[] {
  return [
    {
      title: 'Accepted',
      width: '10.5rem',
      show: (row) => (
        <span class="number" title={row.accepted_at}>
          {time(row.accepted_at)}
        </span>
      ),
    },
    { title: 'Outcome', width: 'minmax(9rem, 1.4fr)', show: (row) => <Outcome code={row.outcome} /> },
    { title: 'Model', width: 'minmax(9rem, 1.4fr)', show: (row) => row.model },
    { title: 'Provider', width: 'minmax(7rem, 1fr)', show: (row) => row.provider ?? '–' },
    { title: 'Key', width: 'minmax(6rem, 1fr)', show: (row) => names.get(row.key_id) ?? row.key_id },
    { title: 'Attempts', width: '5.5rem', isRight: true, show: (row) => row.attempts },
    {
      title: 'First byte',
      width: '6rem',
      isRight: true,
      show: (row) => (row.first_byte_ms === null ? '–' : duration(row.first_byte_ms)),
    },
    { title: 'Took', width: '6.5rem', isRight: true, show: (row) => duration(row.duration_ms) },
    {
      title: 'Tokens',
      width: '7rem',
      isRight: true,
      show: (row) => `${count(row.input_tokens)} + ${count(row.output_tokens)}`,
    },
    {
      title: 'Cost',
      width: '7.5rem',
      isRight: true,
      show: (row) => <span title={usd(row.cost_usd)}>{briefUsd(row.cost_usd)}</span>,
    },
  ];
}
