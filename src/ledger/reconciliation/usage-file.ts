// Reads a saved usage export: API pages as JSON (one page, a list of pages, or one per line of text), or CSV.
import { parse } from 'csv-parse/sync';
import { addReport, dayOfTime, readBuckets, readResult, type UsageReport } from './usage-report.ts';

/** Throws an error that describes the problem if the file is invalid. */
export function readUsageFile(text: string): UsageReport {
  const start = text.trimStart();
  if (!start.startsWith('{') && !start.startsWith('[')) return readCsv(text);
  const report: UsageReport = { usage: [], costs: [] };
  for (const page of pagesOf(text)) addReport(report, readBuckets(page));
  return report;
}

function pagesOf(text: string): unknown[] {
  try {
    const whole: unknown = JSON.parse(text);
    return Array.isArray(whole) ? whole : [whole];
  } catch {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line, index) => {
      try {
        return JSON.parse(line) as unknown;
      } catch {
        throw new Error(`not JSON, neither as a whole nor line ${index + 1}`);
      }
    });
  }
}

/** OpenAI's columns are the fields of its API; Anthropic's begin with `usage_`. The delimiter may be a tab. */
function readCsv(text: string): UsageReport {
  const [header = ''] = text.split('\n', 1);
  const delimiter = header.includes('\t') && !header.includes(',') ? '\t' : ',';
  const rows = parse(text, { columns: true, bom: true, skip_empty_lines: true, trim: true, delimiter }) as Record<
    string,
    string
  >[];
  const report: UsageReport = { usage: [], costs: [] };
  for (const [index, row] of rows.entries()) {
    const day = dayOfTime(row.start_time ?? row.start_time_iso ?? row.usage_date_utc ?? row.starting_at ?? row.date);
    if (day === null) throw new Error(`row ${index + 2} has no date: start_time or usage_date_utc is required`);
    addReport(report, readResult(day, row));
  }
  if (rows.length > 0 && report.usage.length + report.costs.length === 0)
    throw new Error(`none of these columns is a known column of tokens or costs: ${Object.keys(rows[0]!).join(', ')}`);
  return report;
}
