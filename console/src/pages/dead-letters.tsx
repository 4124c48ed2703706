// Dead letters: filter, read, replay one or many, delete.

import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { call, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { DeadLetter, Page as FoundPage } from '../api/types.ts';
import { Action, Button, Dialog, tell } from '../parts/actions.tsx';
import { time, usd } from '../parts/format.ts';
import { Badge, type Choice, Empty, Loaded, Outcome, Page, Panel, RequestLink, Select, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';
import { ReplayDialog } from '../waterfall/what-if.tsx';

type Filter = Record<string, string>;
const FIELDS = ['code', 'model', 'provider', 'from', 'to', 'replayed'];

export default function DeadLettersPage() {
  const { query, route } = useLocation();
  const filter = Object.fromEntries(FIELDS.flatMap((name) => (query[name] ? [[name, query[name]]] : []))) as Filter;
  const [after, setAfter] = useState<string | null>(null);
  const letters = useQuery<FoundPage<DeadLetter>>(
    '/dead-letters',
    { ...filter, limit: 100, after },
    { everyMs: 10_000 },
  );
  const change = (name: string) => (value: string) => {
    const { [name]: _, ...others } = filter;
    setAfter(null);
    route(`/console/dead-letters?${new URLSearchParams(value === '' ? others : { ...others, [name]: value })}`, true);
  };
  const field = (name: string) => ({ value: filter[name] ?? '', onChange: change(name) });
  const replayed: Choice[] = [
    ['', 'any'],
    ['false', 'not yet'],
    ['true', 'replayed'],
  ];
  return (
    <Page title="Dead letters" more={<Many filter={filter} />} changesNeed="operator">
      <Panel>
        <div class="filters">
          <Text label="Failure code" {...field('code')} />
          <Text label="Model" {...field('model')} />
          <Text label="Provider" {...field('provider')} />
          <Select label="Replayed" {...field('replayed')} choices={replayed} />
          <Text label="From (UTC)" type="date" {...field('from')} />
          <Text label="To (UTC)" type="date" {...field('to')} />
        </div>
      </Panel>
      <Panel isFlush>
        <Loaded of={letters}>
          {({ data, next }) => (
            <>
              {data.length === 0 ? (
                <Empty>
                  No request has failed permanently{Object.keys(filter).length > 0 ? ' that matches these filters' : ''}
                  .
                </Empty>
              ) : (
                <Letters letters={data} />
              )}
              {next === null && after === null ? null : (
                <div class="body legend" style={{ padding: '10px 14px' }}>
                  {after === null ? null : (
                    <button type="button" class="button small" onClick={() => setAfter(null)}>
                      Newest
                    </button>
                  )}
                  {next === null ? null : (
                    <button type="button" class="button small" onClick={() => setAfter(next)}>
                      Older
                    </button>
                  )}
                </div>
              )}
            </>
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}

function Letters({ letters }: { letters: readonly DeadLetter[] }) {
  const [replaying, setReplaying] = useState<string | null>(null);
  return (
    <>
      <Table label="Dead letters" heads={['Failed', 'Request', 'Why', 'Model', 'Provider', ['Cost', 'end'], '']}>
        {letters.map((letter) => (
          <tr key={letter.id}>
            <td class="number">{time(letter.failed_at)}</td>
            <td>
              <RequestLink id={letter.id} />
            </td>
            <td style={{ minWidth: '15rem' }}>
              <Outcome code={letter.error.code} />
              <div class="muted">{letter.error.message}</div>
            </td>
            <td class="name">{letter.model}</td>
            <td class="name">{letter.provider ?? '–'}</td>
            <td class="end">{usd(letter.cost_usd)}</td>
            <td class="end">
              {letter.replays.length > 0 ? <Badge tone="good">replayed</Badge> : null}{' '}
              {letter.body === 'none' ? (
                <Badge title="dead_letters.bodies">body not kept</Badge>
              ) : (
                <Button isSmall needs="operator" onClick={() => setReplaying(letter.id)}>
                  Replay …
                </Button>
              )}{' '}
              <Action
                isSmall
                needs="operator"
                kind="danger"
                run={async () => {
                  await call('DELETE', `/dead-letters/${letter.id}`);
                  refresh('/dead-letters');
                }}
              >
                Delete
              </Action>
            </td>
          </tr>
        ))}
      </Table>
      {replaying === null ? null : <ReplayDialog id={replaying} onClose={() => setReplaying(null)} />}
    </>
  );
}

function Many({ filter }: { filter: Filter }) {
  const [isAsking, setAsking] = useState(false);
  const [model, setModel] = useState('');
  const [vendor, setVendor] = useState('');
  const [limit, setLimit] = useState('100');
  const replay = async () => {
    const { replayed, ...rest } = filter;
    const answer = await post<{ matched: number; replayed: number; failed: number }>('/dead-letters/replay', {
      filter: { ...rest, replayed: replayed === undefined ? false : replayed === 'true' },
      limit: Number(limit),
      ...(model === '' ? {} : { model }),
      ...(vendor === '' ? {} : { vendor }),
    });
    refresh('/dead-letters');
    tell(
      `${answer.replayed} of ${answer.matched} replayed${answer.failed > 0 ? `, ${answer.failed} could not be` : ''}.`,
    );
    setAsking(false);
  };
  return (
    <>
      <Button needs="operator" onClick={() => setAsking(true)}>
        Replay many …
      </Button>
      {isAsking ? (
        <Dialog
          title="Replay all that match the filter"
          submit="Replay"
          onSubmit={replay}
          onClose={() => setAsking(false)}
        >
          <p class="muted">
            Oldest first. Dead letters that were already replayed are skipped, unless the filter selects them.
          </p>
          <div class="row">
            <Text label="Limit" type="number" min={1} max={1_000} value={limit} onChange={setLimit} />
            <Text label="Another model" value={model} onChange={setModel} />
            <Text label="Only this provider" value={vendor} onChange={setVendor} />
          </div>
        </Dialog>
      ) : null}
    </>
  );
}
