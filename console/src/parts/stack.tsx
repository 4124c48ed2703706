// Stacked bars per day, as plain SVG: a few dozen bars.
import { useState } from 'preact/hooks';

export interface StackDay {
  label: string;
  /** Amounts in the order of `parts`. */
  values: number[];
}

interface StackProps {
  label: string;
  parts: readonly string[];
  days: readonly StackDay[];
  /** Totals of the days in the compared period. */
  before?: readonly number[] | undefined;
  format: (value: number) => string;
}

const HEIGHT = 180;
const WIDTH = 1_000;
const GAP_PART = 0.18;

export function Stack({ label, parts, days, before = [], format }: StackProps) {
  const [at, setAt] = useState<number | null>(null);
  const totals = days.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const most = Math.max(...totals, ...before, 1e-12);
  const width = WIDTH / days.length;
  const shown = at === null ? null : days[at]!;
  const sumOf = (part: number) => days.reduce((sum, { values }) => sum + (values[part] ?? 0), 0);
  return (
    <figure style={{ margin: 0 }} onMouseLeave={() => setAt(null)}>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        width="100%"
        height={HEIGHT}
        role="img"
        aria-label={label}
      >
        <title>{label}</title>
        {days.map(({ values, label: day }, index) => {
          let top = HEIGHT;
          return (
            <g key={day} onMouseEnter={() => setAt(index)}>
              <rect x={index * width} y={0} width={width} height={HEIGHT} fill="transparent" />
              {values.map((value, part) => {
                const height = (value / most) * (HEIGHT - 4);
                top -= height;
                return height <= 0 ? null : (
                  <rect
                    key={parts[part]}
                    x={(index + GAP_PART / 2) * width}
                    y={top}
                    width={width * (1 - GAP_PART)}
                    height={height}
                    style={{ fill: colourOf(part, parts) }}
                  />
                );
              })}
            </g>
          );
        })}
        {before.length === 0 ? null : (
          <polyline
            class="before"
            points={before
              .map((total, index) => `${(index + 0.5) * width},${HEIGHT - (total / most) * (HEIGHT - 4)}`)
              .join(' ')}
            vector-effect="non-scaling-stroke"
          />
        )}
      </svg>
      <div class="legend" style={{ justifyContent: 'space-between' }}>
        <span>{days[0]?.label}</span>
        <span>{days.at(-1)?.label}</span>
      </div>
      <figcaption class="legend">
        {shown === null ? null : <b class="number">{shown.label}</b>}
        {before.length === 0 ? null : (
          <span>
            <i class="swatch before" />
            compared with{' '}
            <b class="number">{format(at === null ? before.reduce((a, b) => a + b, 0) : (before[at] ?? 0))}</b>
          </span>
        )}
        {parts.map((part, index) => (
          <span key={part}>
            <i class="swatch" style={{ background: colourOf(index, parts) }} />
            {part} <b class="number">{format(shown === null ? sumOf(index) : (shown.values[index] ?? 0))}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function colourOf(part: number, parts: readonly string[]): string {
  return parts[part] === 'all others' || part >= parts.length ? 'var(--series-8)' : `var(--series-${part + 1})`;
}
