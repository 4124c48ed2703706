// Collects the figures of a run: prints them as they come, takes medians over rounds, writes JSON and a Markdown page.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

/** One measurement: `part`, `target`, and numbers by name (units in the names). */
export type Figure = { part: string; target: string } & Record<string, string | number>;

export interface Figures {
  note(figure: Figure): void;
  /** Median over the rounds so far. */
  median(part: string, target: string, name: string): number;
  /** Writes `bench/results/<time>.json` and `bench/results/latest.md`; returns the page. */
  write(): string;
}

const RESULTS = new URL('results/', import.meta.url);

export function createFigures(settings: string): Figures {
  const all: Figure[] = [];
  const valuesOf = (part: string, target: string, name: string) =>
    all.filter((figure) => figure.part === part && figure.target === target).map((figure) => Number(figure[name]));

  function medianOf(part: string, target: string, name: string): number {
    const sorted = valuesOf(part, target, name)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  }

  return {
    note(figure) {
      all.push(figure);
      console.log(
        Object.entries(figure)
          .map(([name, value]) => `${name}=${shown(value)}`)
          .join('  '),
      );
    },
    median: medianOf,
    write() {
      const machine = `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`;
      const page = [
        `# Results of ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
        `${machine}; ${settings}. Medians over rounds; CPU in µs per request or chunk.`,
        ...[...new Set(all.map(({ part }) => part))].map((part) => tableOf(part, all, medianOf)),
      ].join('\n\n');
      mkdirSync(RESULTS, { recursive: true });
      const name = new Date().toISOString().replace(/[:.]/g, '-');
      writeFileSync(
        new URL(`${name}.json`, RESULTS),
        `${JSON.stringify({ machine, settings, figures: all }, null, 2)}\n`,
      );
      writeFileSync(new URL('latest.md', RESULTS), `${page}\n`);
      console.log(`\n${page}\n\nwritten to ${fileURLToPath(RESULTS)}`);
      return page;
    },
  };
}

function tableOf(part: string, all: readonly Figure[], median: Figures['median']): string {
  const own = all.filter((figure) => figure.part === part);
  const targets = [...new Set(own.map(({ target }) => target))];
  const names = [...new Set(own.flatMap(Object.keys))].filter((name) => name !== 'part' && name !== 'target');
  const numbers = names.filter((name) => own.some((figure) => typeof figure[name] === 'number'));
  const base = targets.find((target) => target.startsWith('base '));
  const cell = (target: string, name: string) => {
    const value = median(part, target, name);
    if (Number.isNaN(value)) return '';
    const ofBase = base === undefined || target === base ? Number.NaN : median(part, base, name);
    return Number.isFinite(ofBase) && ofBase > 0 && target === 'sluice'
      ? `${shown(value)} (${(value / ofBase).toFixed(2)} ×)`
      : shown(value);
  };
  return [
    `## ${part}`,
    `| | ${numbers.join(' | ')} |`,
    `|---${'|---'.repeat(numbers.length)}|`,
    ...targets.map((target) => `| ${target} | ${numbers.map((name) => cell(target, name)).join(' | ')} |`),
  ]
    .join('\n')
    .replace(`## ${part}\n`, `## ${part}\n\n`);
}

function shown(value: string | number): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) < 10 ? 2 : 0);
}
