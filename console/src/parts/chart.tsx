// Time series. The legend shows the values under the pointer, or the latest ones.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from './theme.ts';

export interface Series {
  label: string;
  /** A colour variable of the theme: `--series-1`, `--bad`. */
  colour: string;
  values: readonly (number | null)[];
  isFilled?: boolean;
}

interface ChartProps {
  label: string;
  /** Unix seconds. */
  times: readonly number[];
  series: readonly Series[];
  format: (value: number) => string;
  height?: number;
}

const colourOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart({ label, times, series, format, height = 150 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const theme = useTheme();
  const names = series.map((one) => one.label).join();

  useEffect(() => {
    const target = place.current!;
    const made = new uPlot(optionsOf(target, series, format, setAt, height), dataOf(times, series), target);
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height }));
    watcher.observe(target);
    return () => {
      watcher.disconnect();
      made.destroy();
    };
  }, [theme, names, height]);
  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series]);

  const shown = at ?? times.length - 1;
  return (
    <figure style={{ margin: 0 }}>
      <div ref={place} class="chart" style={{ height: `${height}px` }} role="img" aria-label={label} />
      <figcaption class="legend">
        {series.map(({ label: name, colour, values }) => (
          <span key={name}>
            <i class="swatch" style={{ background: `var(${colour})` }} />
            {name} <b class="number">{values[shown] == null ? '–' : format(values[shown])}</b>
          </span>
        ))}
        {at === null ? null : <span class="number">{new Date(times[at]! * 1_000).toLocaleTimeString('en-GB')}</span>}
      </figcaption>
    </figure>
  );
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [times as number[], ...series.map(({ values }) => values as (number | null)[])];
}

function optionsOf(
  target: HTMLElement,
  series: readonly Series[],
  format: (value: number) => string,
  onPoint: (index: number | null) => void,
  height: number,
): uPlot.Options {
  const [muted, line] = [colourOf('--muted'), colourOf('--line')];
  const axis = {
    stroke: muted,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
    gap: 4,
  };
  return {
    width: target.clientWidth,
    height,
    padding: [6, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 70,
        values: (_plot, ticks) => ticks.map((tick) => new Date(tick * 1_000).toTimeString().slice(0, 5)),
      },
      { ...axis, size: 58, space: 34, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...series.map(({ colour, isFilled }) => ({
        stroke: colourOf(colour),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
        ...(isFilled ? { fill: `${colourOf(colour)}22` } : {}),
      })),
    ],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}
