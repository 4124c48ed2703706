// The last hour as graphs, wait queues, and requests in flight.
import { useMemo, useState } from 'preact/hooks';
import { type Live, useLive } from '../api/live.ts';
import { useQuery } from '../api/query.ts';
import type { InFlight, LiveSlice } from '../api/types.ts';
import { Chart } from '../parts/chart.tsx';
import { ago, count, duration, percent, rate, usd, words } from '../parts/format.ts';
import { Badge, Figure, Loaded, Page, Panel, RequestLink, Tabs } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

/** The period of the large figures. */
const RECENT_MS = 60_000;
const SPANS = [
  ['10', '10 minutes'],
  ['60', 'the hour'],
] as const;
const MINUTE_MS = 60_000;
const UNKNOWN = 'Not known yet.';
/** The large figures, before the first ones have come. */
const FIGURES = ['Requests / s', 'Tokens / s', 'Cost / min', 'First byte', 'Whole answer', 'In flight', 'Failed'];

export default function NowPage() {
  const live = useLive();
  const [span, setSpan] = useState<string>('60');
  const more = (
    <>
      <Tabs label="Graphs of the last" value={span} onChange={setSpan} choices={SPANS} />
      <LiveState state={live.state} />
    </>
  );
  return (
    <Page title="Now" more={more}>
      <Figures live={live} />
      <Graphs live={live} spanMs={Number(span) * MINUTE_MS} />
      <Queues live={live} />
      <Running />
    </Page>
  );
}

function LiveState({ state }: { state: Live['state'] }) {
  if (state === 'live') return <Badge tone="good">live</Badge>;
  return <Badge tone="warn">{state === 'lost' ? 'reconnecting …' : 'connecting …'}</Badge>;
}

function Figures({ live }: { live: Live }) {
  const { now, isKnown } = live;
  if (!isKnown)
    return (
      <div class="grid figures">
        {FIGURES.map((label) => (
          <Figure key={label} label={label} value="–" />
        ))}
      </div>
    );
  const recent = sum([...live.slices.values()].filter(({ at }) => now !== null && at >= now.at - RECENT_MS));
  const seconds = RECENT_MS / 1_000;
  const waiting = now?.queues.reduce((total, queue) => total + queue.waiting, 0) ?? 0;
  const tokens = recent.input_tokens + recent.output_tokens;
  const latest = [...live.slices.values()].filter((slice) => slice.total_ms !== null).at(-1);
  return (
    <div class="grid figures">
      <Figure
        label="Requests / s"
        value={rate(recent.requests / seconds)}
        more={`${count(recent.requests)} in the last minute`}
      />
      <Figure
        label="Tokens / s"
        value={rate(tokens / seconds)}
        more={`${count(recent.output_tokens)} out, ${count(recent.input_tokens)} in`}
      />
      <Figure label="Cost / min" value={usd(recent.cost_usd)} more={`${usd(recent.cost_usd * 60)} per hour`} />
      <Figure
        label="First byte"
        value={latest?.first_byte_ms ? duration(latest.first_byte_ms[0]) : '–'}
        more={quantiles(latest?.first_byte_ms)}
      />
      <Figure
        label="Whole answer"
        value={latest?.total_ms ? duration(latest.total_ms[0]) : '–'}
        more={quantiles(latest?.total_ms)}
      />
      <Figure label="In flight" value={count(now?.calls ?? 0)} more={`${count(waiting)} waiting`} />
      <Figure
        label="Failed"
        value={percent(recent.requests === 0 ? 0 : recent.failed / recent.requests)}
        more={`${count(recent.failed)} in the last minute`}
      />
    </div>
  );
}

function quantiles(values: LiveSlice['total_ms'] | undefined): string {
  return values == null ? 'nothing yet' : `p95 ${duration(values[1])}, p99 ${duration(values[2])}`;
}

function sum(slices: readonly LiveSlice[]) {
  const totals = { requests: 0, failed: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };
  for (const slice of slices)
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += slice[name];
  return totals;
}

function Graphs({ live, spanMs }: { live: Live; spanMs: number }) {
  const { sliceMs, slices, now, isKnown } = live;
  const newest = Math.floor((now?.at ?? Date.now()) / sliceMs) * sliceMs;
  const seconds = sliceMs / 1_000;
  const graphs = useMemo(() => {
    const all = Array.from({ length: spanMs / sliceMs }, (_, index) => newest - spanMs + (index + 1) * sliceMs);
    const each = (pick: (slice: LiveSlice) => number | null, absent: number | null = isKnown ? 0 : null) =>
      all.map((at) => {
        const slice = slices.get(at);
        return slice === undefined ? absent : pick(slice);
      });
    return {
      times: all.map((at) => at / 1_000),
      requests: [
        {
          label: 'answered',
          colour: '--series-1',
          values: each((slice) => (slice.requests - slice.failed) / seconds),
          isFilled: true,
        },
        { label: 'failed', colour: '--bad', values: each((slice) => slice.failed / seconds) },
      ],
      tokens: [
        {
          label: 'output',
          colour: '--series-4',
          values: each((slice) => slice.output_tokens / seconds),
          isFilled: true,
        },
        { label: 'input', colour: '--series-7', values: each((slice) => slice.input_tokens / seconds) },
      ],
      firstByte: latency((index) => each((slice) => slice.first_byte_ms?.[index] ?? null, null)),
      total: latency((index) => each((slice) => slice.total_ms?.[index] ?? null, null)),
      cost: [
        {
          label: 'cost per minute',
          colour: '--series-2',
          values: each((slice) => (slice.cost_usd / seconds) * 60),
          isFilled: true,
        },
      ],
    };
  }, [slices, newest, sliceMs, seconds, spanMs, isKnown]);
  const panels = [
    ['Requests per second', graphs.requests, rate],
    ['Tokens per second', graphs.tokens, rate],
    ['Time to the first byte', graphs.firstByte, duration],
    ['Time to the whole answer', graphs.total, duration],
    ['Cost per minute', graphs.cost, usd],
  ] as const;
  return (
    <div class="grid" style={{ '--min': '21rem' }}>
      {panels.map(([title, series, format]) => (
        <Panel key={title} title={title}>
          <Chart label={title} times={graphs.times} series={series} format={format} />
        </Panel>
      ))}
      <Errors live={live} />
    </div>
  );
}

function latency(valuesOf: (index: number) => (number | null)[]) {
  return [
    { label: 'p50', colour: '--series-1', values: valuesOf(0) },
    { label: 'p95', colour: '--series-3', values: valuesOf(1) },
    { label: 'p99', colour: '--series-5', values: valuesOf(2) },
  ];
}

function Queues({ live }: { live: Live }) {
  const queues = live.now?.queues.filter(({ waiting, running }) => waiting + running > 0) ?? [];
  return (
    <Panel title="Queues" isFlush>
      <Table
        label="Queues"
        heads={['Provider', 'Lane', ['Waiting', 'end'], ['Running', 'end']]}
        empty={live.isKnown ? 'No request is queued.' : UNKNOWN}
      >
        {queues.map(({ provider, lane, waiting, running }) => (
          <tr key={`${provider} ${lane}`}>
            <td class="name">{provider}</td>
            <td>{lane}</td>
            <td class="end">{count(waiting)}</td>
            <td class="end">{count(running)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Errors({ live }: { live: Live }) {
  const codes = new Map<string, number>();
  for (const slice of live.slices.values())
    for (const [code, failed] of Object.entries(slice.codes)) codes.set(code, (codes.get(code) ?? 0) + failed);
  const sorted = [...codes].sort(([, a], [, b]) => b - a);
  return (
    <Panel title="Failures of the last hour" isFlush>
      <Table label="Failures of the last hour" empty={live.isKnown ? 'No request failed in the last hour.' : UNKNOWN}>
        {sorted.map(([code, failed]) => (
          <tr key={code}>
            <td>
              <a href={`/console/requests?outcome=${encodeURIComponent(code)}`}>{words(code)}</a>
            </td>
            <td class="end">{count(failed)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Running() {
  const inFlight = useQuery<InFlight>('/in-flight', {}, { everyMs: 2_000 });
  return (
    <Panel title="In flight" isFlush>
      <Loaded of={inFlight}>
        {({ calls, waiting }) => (
          <Table
            label="In flight"
            heads={['Request', 'State', 'Model', 'Provider', 'Lane', ['Since', 'end']]}
            empty="No request is in flight."
          >
            {[
              ...calls.map(({ id, attempt, started_at: since, ...one }) => (
                <OpenRow key={`${id}.${attempt}`} id={id} {...one} attempt={attempt} since={since} />
              )),
              ...waiting.map(({ id, deployment, accepted_at: since, ...one }) => (
                <OpenRow key={id} id={id} {...one} model={deployment} attempt={null} since={since} />
              )),
            ]}
          </Table>
        )}
      </Loaded>
    </Panel>
  );
}

interface OpenProps {
  id: string;
  /** Null while it waits. */
  attempt: number | null;
  model: string;
  provider: string;
  lane: string;
  since: string;
}

function OpenRow({ id, attempt, model, provider, lane, since }: OpenProps) {
  return (
    <tr>
      <td>
        <RequestLink id={id} />
      </td>
      <td>{attempt === null ? <Badge>waits</Badge> : <Badge tone="accent">attempt {attempt}</Badge>}</td>
      <td class="name">{model}</td>
      <td class="name">{provider}</td>
      <td>{lane}</td>
      <td class="end">{ago(since)}</td>
    </tr>
  );
}
