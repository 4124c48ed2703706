// Plots as SVG, readable on light and dark backgrounds.

export interface Plot {
  title: string;
  unit: string;
  kind: 'bars' | 'lines';
  /** Length of the horizontal axis of line plots. */
  hours?: number;
  series: readonly { name: string; values: readonly number[] }[];
}

const WIDTH = 720;
const LEFT = 130;
const RIGHT = 70;
const ROW = 26;
const TOP = 40;
const LINES_HEIGHT = 240;
/** Points per day in line plots. */
const PARTS = 24;
const COLOURS = ['#888888', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

export function renderPlot(plot: Plot): string {
  return plot.kind === 'bars' ? bars(plot) : lines(plot);
}

function svg(height: number, title: string, parts: readonly string[]): string {
  const style = '<style>text{font:13px sans-serif;fill:#777}.title{font-weight:bold}</style>';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">${style}${parts.join('')}</svg>\n`;
}

function text(x: number, y: number, words: string, more = ''): string {
  return `<text x="${x}" y="${y}"${more}>${words}</text>`;
}

function bars({ title, unit, series }: Plot): string {
  const most = Math.max(...series.map(({ values }) => values[0]!));
  const rows = series.flatMap(({ name, values }, index) => {
    const y = TOP + index * ROW;
    const width = ((WIDTH - LEFT - RIGHT) * values[0]!) / Math.max(most, Number.EPSILON);
    const shown = values[0]! >= 100 ? Math.round(values[0]!).toString() : values[0]!.toFixed(2);
    return [
      text(LEFT - 8, y + 14, name, ' text-anchor="end"'),
      `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="18" fill="${COLOURS[index % COLOURS.length]}"/>`,
      text(LEFT + width + 6, y + 14, shown),
    ];
  });
  return svg(TOP + series.length * ROW + 10, title, [text(8, 20, `${title} (${unit})`, ' class="title"'), ...rows]);
}

function lines({ title, unit, series, hours = 24 }: Plot): string {
  const most = Math.max(...series.flatMap(({ values }) => values));
  const xOf = (index: number, count: number) => LEFT - 70 + ((WIDTH - LEFT) * index) / (count - 1);
  const yOf = (value: number) => TOP + LINES_HEIGHT - (LINES_HEIGHT * value) / most;
  const curves = series.map(({ values }, index) => {
    const points = values.map((value, at) => `${xOf(at, values.length).toFixed(1)},${yOf(value).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"/>`;
  });
  const legend = series.map(({ name }, index) => {
    const x = 60 + (index % 3) * 220;
    const y = TOP + LINES_HEIGHT + 45 + Math.floor(index / 3) * 20;
    return `<rect x="${x}" y="${y - 10}" width="12" height="12" fill="${COLOURS[index % COLOURS.length]}"/>${text(x + 18, y, name)}`;
  });
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const x = xOf(part * (PARTS - 1), PARTS);
    return text(x, TOP + LINES_HEIGHT + 18, `${Math.round(part * hours * 10) / 10} h`, ' text-anchor="middle"');
  });
  const scale = [0, 0.5, 1].map((part) =>
    text(52, yOf(most * part) + 4, String(Math.round(most * part)), ' text-anchor="end"'),
  );
  const height = TOP + LINES_HEIGHT + 50 + Math.ceil(series.length / 3) * 20;
  return svg(height, title, [
    text(8, 20, `${title} (${unit})`, ' class="title"'),
    ...scale,
    ...marks,
    ...curves,
    ...legend,
  ]);
}
