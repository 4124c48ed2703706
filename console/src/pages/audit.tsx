// The audit log: who changed what, with the state before and after.
import { useState } from 'preact/hooks';
import { get } from '../api/client.ts';
import { useQuery } from '../api/query.ts';
import type { AuditEntry, Page as AuditPage } from '../api/types.ts';
import { Action } from '../parts/actions.tsx';
import { time } from '../parts/format.ts';
import { Badge, Loaded, Page, Panel, Select, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

const METHODS = [
  ['', 'anything'],
  ['POST', 'created, or run'],
  ['PATCH', 'changed'],
  ['PUT', 'replaced'],
  ['DELETE', 'removed'],
  ['GET', 'signed in'],
  ['RELOAD', 'reloaded the configuration'],
] as const;

export default function AuditLogPage() {
  const [filter, setFilter] = useState<Record<string, string>>({});
  const set = (name: string) => (value: string) => setFilter({ ...filter, [name]: value });
  const value = (name: string) => filter[name] ?? '';
  const first = useQuery<AuditPage<AuditEntry>>('/audit', { ...filter, limit: 50 });
  return (
    <Page title="Audit log">
      <div class="filters">
        <Text label="Who" value={value('actor')} onChange={set('actor')} maxLength={300} />
        <Select label="Did" value={value('method')} onChange={set('method')} choices={METHODS} />
        <Text label="Path" value={value('path')} onChange={set('path')} placeholder="/admin/keys" maxLength={300} />
        <Text label="From (UTC)" type="date" value={value('from')} onChange={set('from')} />
        <Text label="To (UTC)" type="date" value={value('to')} onChange={set('to')} />
      </div>
      <Panel isFlush>
        <Loaded of={first}>{(page) => <Entries key={JSON.stringify(filter)} first={page} filter={filter} />}</Loaded>
      </Panel>
    </Page>
  );
}

function Entries({ first, filter }: { first: AuditPage<AuditEntry>; filter: Record<string, string> }) {
  const [more, setMore] = useState<AuditPage<AuditEntry>[]>([]);
  const last = more.at(-1) ?? first;
  const bring = async () => {
    const page = await get<AuditPage<AuditEntry>>('/audit', { ...filter, limit: 50, before: last.next });
    setMore([...more, page]);
  };
  const entries = [first, ...more].flatMap(({ data }) => data);
  return (
    <>
      <Table
        label="Audit log"
        heads={['When', 'Who', 'What', 'Outcome', 'Change']}
        empty="No change matches these filters."
        isPaged
      >
        {entries.map((entry) => (
          <Row key={entry.id} of={entry} />
        ))}
      </Table>
      {last.has_more ? (
        <p class="empty">
          <Action run={bring}>Older</Action>
        </p>
      ) : null}
    </>
  );
}

function Row({ of: { at, actor, role, method, path, status, request, before, after } }: { of: AuditEntry }) {
  const isRefused = status >= 400;
  const changes = before === null || isRefused ? [] : changesOf(before, after);
  return (
    <tr>
      <td>{time(at)}</td>
      <td>
        {actor}
        <div class="muted">{role}</div>
      </td>
      <td class="mono">
        {method} {path}
      </td>
      <td>
        <Badge tone={isRefused ? 'bad' : 'good'}>{status}</Badge>
      </td>
      <td>
        {changes.map(([name, was, is]) => (
          <div key={name}>
            {name === '' ? '' : `${name}: `}
            <del>{was}</del> → <ins>{is}</ins>
          </div>
        ))}
        {changes.length > 0 || (request === null && after === null) ? null : (
          <details>
            <summary>Request and response</summary>
            <pre class="text">{JSON.stringify({ request, after }, null, 2)}</pre>
          </details>
        )}
      </td>
    </tr>
  );
}

type Change = readonly [name: string, was: string, is: string];

/** Changed members by path. Members missing from one side are ignored if the response contains only a part of the object. */
function changesOf(before: unknown, after: unknown, path = ''): Change[] {
  if (!isObject(before) || !isObject(after)) {
    const [was, is] = [JSON.stringify(before), JSON.stringify(after)];
    return was === is ? [] : [[path, was ?? 'none', is ?? 'none']];
  }
  const names = Object.keys(path === '' ? after : { ...before, ...after });
  return names.flatMap((name) => changesOf(before[name], after[name], path === '' ? name : `${path}.${name}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
