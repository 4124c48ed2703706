// A request's life on one axis of time. A row opens to what is known of it.
import { useState } from 'preact/hooks';
import type { Attempt, RequestDetail } from '../api/types.ts';
import { count, duration, usd } from '../parts/format.ts';
import { Badge, Outcome } from '../parts/panel.tsx';
import { layOut, type Row } from './layout.ts';

export function WaterfallView({ request, nowMs }: { request: RequestDetail; nowMs: number }) {
  const { rows, ticks, shares } = layOut(request, nowMs);
  const [open, setOpen] = useState<string | null>(null);
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
            onToggle={() => setOpen(open === row.id ? null : row.id)}
          />
        ))}
      </div>
    </div>
  );
}

function RowView({ row, isOpen, onToggle }: { row: Row; isOpen: boolean; onToggle: () => void }) {
  const { label, why, pieces, tookMs, attempt, kind } = row;
  const isBad = kind === 'attempt' && why !== null && why !== 'ok';
  return (
    <>
      <button type="button" class="part" aria-expanded={isOpen} onClick={onToggle}>
        <span class="label">
          <span>{kind === 'attempt' ? <b>{label}</b> : label}</span>
          {why === null ? null : <span class={`why${isBad ? ' bad' : ''}`}>{why}</span>}
        </span>
        <span class="track">
          {pieces.map(({ from, to, colour, isJoined }) => (
            <span
              key={colour}
              class={`piece${isJoined ? ' joined' : ''}`}
              style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%`, background: `var(${colour})` }}
            />
          ))}
        </span>
        <span class="took">{duration(tookMs)}</span>
      </button>
      {isOpen ? (
        <div class="detail">{attempt === null ? <PartDetail row={row} /> : <AttemptDetail attempt={attempt} />}</div>
      ) : null}
    </>
  );
}

const EXPLAINED: Record<string, string> = {
  queue: 'In the provider’s queue, until a worker had a place for it.',
  limit: 'A limit was full: of the provider, the deployment or the key. The reason names which, and what was lacking.',
  circuit: 'The deployment was out of rotation after failures, and there was no other to ask.',
  hold: 'An operator held the provider or the deployment.',
  backoff: 'Before the same deployment was asked again.',
  other: 'Hand-overs between processes.',
  attempt: 'A call to a provider whose entry in the books is not written yet.',
};

function PartDetail({ row: { kind, why, tookMs } }: { row: Row }) {
  return (
    <dl class="pairs">
      <dt>What</dt>
      <dd>{EXPLAINED[kind]}</dd>
      {why === null ? null : (
        <>
          <dt>Why</dt>
          <dd>{why}</dd>
        </>
      )}
      <dt>Took</dt>
      <dd class="number">{duration(tookMs)}</dd>
    </dl>
  );
}

function AttemptDetail({ attempt }: { attempt: Attempt }) {
  const { usage, first_byte_ms: firstMs } = attempt;
  const ms = attempt.duration_ms ?? 0;
  const streamMs = firstMs === null ? 0 : ms - firstMs;
  const speed = streamMs > 0 && usage.output_tokens > 0 ? (usage.output_tokens / streamMs) * 1_000 : null;
  const pairs: [string, unknown][] = [
    ['Outcome', <Outcome key="outcome" code={attempt.outcome} />],
    ['Asked', `${attempt.model} at ${attempt.provider}`],
    ['First byte', firstMs === null ? 'none came' : duration(firstMs)],
    ['Whole call', duration(ms)],
    ['Output speed', speed === null ? '–' : `${speed.toFixed(1)} tokens per second`],
    ['Input', `${count(usage.input_tokens)} tokens, ${count(usage.cached_input_tokens)} of them from a cache`],
    ['Output', `${count(usage.output_tokens)} tokens, ${count(usage.reasoning_tokens)} of them thoughts`],
    ['Cost', <CostOf key="cost" attempt={attempt} />],
    ...(attempt.service_tier === undefined ? [] : [['Service tier', attempt.service_tier] as [string, unknown]]),
    ...(attempt.disputed === undefined ? [] : [['Not believed', attempt.disputed] as [string, unknown]]),
    ...(attempt.tool_calls === undefined
      ? []
      : [
          [
            'Tools of the provider',
            Object.entries(attempt.tool_calls)
              .map(([name, calls]) => `${name} × ${calls}`)
              .join(', '),
          ] as [string, unknown],
        ]),
  ];
  return (
    <dl class="pairs">
      {pairs.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd class="number">{value as string}</dd>
        </>
      ))}
    </dl>
  );
}

function CostOf({ attempt: { cost, settlement, unpriced } }: { attempt: Attempt }) {
  return (
    <>
      {usd(cost)}{' '}
      {settlement === 'settled' ? null : (
        <Badge tone="warn" title="The provider did not say what was used">
          {settlement}
        </Badge>
      )}
      {unpriced.length === 0 ? null : ` without a price: ${unpriced.join(', ')}`}
    </>
  );
}
