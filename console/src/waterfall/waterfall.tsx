// A request's phases on one time axis. Rows expand to details.
import { useState } from 'preact/hooks';
import type { Attempt, RequestDetail, TimelinePart } from '../api/types.ts';
import { count, duration, isFailed, usd, words } from '../parts/format.ts';
import { Badge, Outcome } from '../parts/panel.tsx';
import { type Pair, Pairs } from '../parts/table.tsx';
import { growthOf, layOut, NOW, type Point, type Row, type Sample } from './layout.ts';

interface RowProps {
  row: Row;
  isOpen: boolean;
  onToggle: () => void;
  request: RequestDetail;
}

interface WaterfallProps {
  request: RequestDetail;
  nowMs: number;
  /** For a running request. */
  samples?: readonly Sample[];
}

export function WaterfallView({ request, nowMs, samples = [] }: WaterfallProps) {
  const { rows, ticks, shares } = layOut(request, nowMs, samples);
  const [opened, setOpen] = useState<string | null>(null);
  // What ran when it was opened has ended since: the last row is that phase.
  const open = opened === NOW && rows.every(({ id }) => id !== NOW) ? (rows.at(-1)?.id ?? null) : opened;
  return (
    <div class="form">
      <div class="ribbon" aria-hidden="true">
        {shares.map(({ label, colour, part }) => (
          <span key={label} style={{ width: `${part * 100}%`, background: `var(${colour})` }} />
        ))}
      </div>
      <div class="legend">
        {shares.map(({ label, colour, ms, part }) => (
          <span key={label}>
            <i class="swatch" style={{ background: `var(${colour})` }} />
            {label} <b class="number">{duration(ms)}</b> {Math.round(part * 100)} %
          </span>
        ))}
      </div>
      <div class="waterfall">
        <div class="axis" aria-hidden="true">
          <span />
          <span class="scale">
            {ticks.map(({ at, ms }) => (
              <span key={at} class="tick" style={{ left: `${at * 100}%` }}>
                {duration(ms)}
              </span>
            ))}
          </span>
          <span />
        </div>
        {rows.map((row) => (
          <RowView
            key={row.id}
            row={row}
            isOpen={open === row.id}
            request={request}
            onToggle={() => setOpen(open === row.id ? null : row.id)}
          />
        ))}
      </div>
    </div>
  );
}

function RowView({ row, isOpen, onToggle, request }: RowProps) {
  const { label, why, pieces, marks, tookMs, attempt, kind } = row;
  const isBad = kind === 'attempt' && isFailed(row.part?.outcome);
  return (
    <>
      <button type="button" class="part" aria-expanded={isOpen} onClick={onToggle}>
        <span class="label">
          <span title={label}>{kind === 'attempt' ? <b>{label}</b> : label}</span>
          {why === null ? null : (
            <span class={`why${isBad ? ' bad' : ''}`} title={why}>
              {why}
            </span>
          )}
        </span>
        <span class="track">
          {pieces.map(({ from, to, colour, isJoined, curve }) => (
            <span
              key={colour}
              class={`piece${isJoined ? ' joined' : ''}${curve === undefined ? '' : ' grown'}`}
              style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%`, '--piece': `var(${colour})` }}
            >
              {curve === undefined ? null : <Curve points={curve} />}
            </span>
          ))}
          {marks.map((mark) => (
            <i key={mark.label} class={`mark ${mark.kind}`} title={mark.label} style={{ left: `${mark.at * 100}%` }} />
          ))}
        </span>
        <span class="took">{kind === 'skip' ? '' : duration(tookMs)}</span>
      </button>
      {isOpen ? (
        <div class="detail">
          {attempt === null ? (
            <PartDetail row={row} />
          ) : (
            <AttemptDetail attempt={attempt} part={row.part} request={request} />
          )}
        </div>
      ) : null}
    </>
  );
}

/** Fills its container. */
function Curve({ points }: { points: readonly Point[] }) {
  const line = points.map(([x, y]) => `${(x * 100).toFixed(2)},${((1 - y) * 100).toFixed(2)}`).join(' ');
  return (
    <svg class="curve" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,100 ${line} 100,100`} />
      <polyline points={line} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

const EXPLAINED: Record<string, string> = {
  queue: 'In the provider’s queue, until a worker had a free slot.',
  limit: 'A limit of the provider, the deployment or the key was reached. The reason says which one.',
  circuit: 'The deployment was out of rotation after failures, and there was no other one.',
  hold: 'An operator had put the provider or the deployment on hold.',
  backoff: 'Wait before the same deployment was called again.',
  skip: 'A provider in the plan was skipped. It is called later if no other one answers.',
  other: 'Communication between processes.',
  attempt: 'A call to a provider that is not in the ledger yet.',
};

function PartDetail({ row: { kind, why, tookMs } }: { row: Row }) {
  const pairs: Pair[] = [['What', EXPLAINED[kind]]];
  if (why !== null) pairs.push(['Why', why]);
  if (kind !== 'skip') pairs.push(['Took', duration(tookMs)]);
  return <Pairs of={pairs} />;
}

interface AttemptProps {
  attempt: Attempt;
  part: TimelinePart | null;
  request: RequestDetail;
}

function AttemptDetail({ attempt, part, request }: AttemptProps) {
  const { usage, first_byte_ms: firstMs } = attempt;
  const ms = attempt.duration_ms ?? 0;
  const pairs: Pair[] = [
    ['Outcome', <Outcome key="outcome" code={attempt.outcome} />],
    ['Asked', `${attempt.model} at ${attempt.provider}`],
    ['First byte', firstMs === null ? 'none' : duration(firstMs)],
    ['Whole call', duration(ms)],
    ['Output speed', speedOf(attempt, request.stream)],
    ['Input', `${count(usage.input_tokens)} tokens, ${count(usage.cached_input_tokens)} of them from a cache`],
    ['Output', `${count(usage.output_tokens)} tokens, ${count(usage.reasoning_tokens)} of them reasoning`],
    ['Cost', <CostOf key="cost" attempt={attempt} costs={request.cost_parts} />],
  ];
  if (part?.frames !== undefined) pairs.push(['Frames sent', count(part.frames)]);
  if (part?.rescue !== undefined) pairs.push(['Rescue', RESCUED[part.rescue]]);
  if (attempt.service_tier !== undefined) pairs.push(['Service tier', attempt.service_tier]);
  if (attempt.disputed !== undefined) pairs.push(['Implausible figures', String(attempt.disputed)]);
  if (attempt.tool_calls !== undefined) pairs.push(['Tools of the provider', toolsOf(attempt.tool_calls)]);
  return (
    <div class="grid" style={{ '--min': '17rem' }}>
      <Pairs of={pairs} />
      {part === null || firstMs === null ? null : <Growth attempt={attempt} part={part} firstMs={firstMs} />}
    </div>
  );
}

/**
 * A whole answer has no time between its first byte and its end, and neither has a stream that came in one piece: their speed
 * is that of the whole call.
 */
function speedOf({ usage, first_byte_ms: firstMs, duration_ms: durationMs }: Attempt, isStream: boolean): string {
  if (usage.output_tokens === 0) return '–';
  const ms = Math.max(1, durationMs ?? 0);
  const streamMs = isStream && firstMs !== null ? ms - firstMs : 0;
  const speed = (usage.output_tokens / (streamMs > 0 ? streamMs : ms)) * 1_000;
  return `${speed.toFixed(1)} tokens per second${streamMs > 0 ? '' : ', over the whole call'}`;
}

const RESCUED = {
  continued: 'An earlier answer had broken off: this provider continued after the part that the client had.',
  repeated: 'An earlier answer had broken off: this provider repeated it, and the client got the missing part.',
};

function toolsOf(calls: Readonly<Record<string, number>>): string {
  return Object.entries(calls)
    .map(([name, times]) => `${name} × ${times}`)
    .join(', ');
}

/** Tokens over time. */
function Growth({ attempt, part, firstMs }: { attempt: Attempt; part: TimelinePart; firstMs: number }) {
  const fromMs = attempt.started_at_ms + firstMs;
  const points = growthOf(part, attempt, fromMs, part.started_at_ms + part.duration_ms);
  if (points === null) return null;
  return (
    <figure class="growth">
      <figcaption class="legend">
        <span>Tokens over time</span>
        <b class="number">{count(attempt.usage.output_tokens)}</b>
      </figcaption>
      <Curve points={points} />
      <div class="legend between number">
        <span>{duration(firstMs)}</span>
        <span>{duration(attempt.duration_ms ?? 0)}</span>
      </div>
    </figure>
  );
}

interface CostProps {
  attempt: Attempt;
  costs: RequestDetail['cost_parts'];
}

function CostOf({ attempt: { attempt, cost, settlement, unpriced }, costs }: CostProps) {
  const parts = costs.find((one) => one.attempt === attempt)?.parts ?? [];
  return (
    <>
      {usd(cost)}{' '}
      {settlement === 'settled' ? null : (
        <Badge tone="warn" title="The provider sent no usage">
          {settlement}
        </Badge>
      )}
      {unpriced.length === 0 ? null : ` without a price: ${unpriced.join(', ')}`}
      {parts.length === 0 ? null : (
        <div class="muted">{parts.map(({ part, cost_usd: own }) => `${words(part)} ${usd(own)}`).join(' + ')}</div>
      )}
    </>
  );
}
