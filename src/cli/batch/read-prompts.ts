// Plain prompts as rows of named texts: a line of text, a record of a CSV file by its header, a JSON object by member.
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { type CsvError, parse } from 'csv-parse';
import { isObject, readObject } from './check-line.ts';
import { CommandError } from './exit-codes.ts';
import type { FaultList } from './faults.ts';
import { readLines } from './read-lines.ts';

export interface PromptRow {
  /** Line of the file on which it begins. */
  line: number;
  values: Readonly<Record<string, string>>;
}

/** The one column of a text file. */
export const TEXT_COLUMN = 'prompt';
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** Chosen by the file's extension. Rows that cannot be read are noted as faults; a CSV file ends at its first one. */
export function readPrompts(path: string, faults: FaultList): AsyncGenerator<PromptRow> {
  switch (extname(path).toLowerCase()) {
    case '.txt':
      return readTextRows(path);
    case '.csv':
      return readCsvRows(path, faults);
    case '.jsonl':
    case '.ndjson':
      return readJsonRows(path, faults);
    default:
      throw new CommandError('input', `--prompts takes a .txt, .csv or .jsonl file, not ${path}`);
  }
}

async function* readTextRows(path: string): AsyncGenerator<PromptRow> {
  for await (const { number, bytes } of readLines(path)) {
    const text = bytes.toString().replace(/^\uFEFF/, '');
    if (text.trim() !== '') yield { line: number, values: { [TEXT_COLUMN]: text } };
  }
}

async function* readCsvRows(path: string, faults: FaultList): AsyncGenerator<PromptRow> {
  const records = parse({
    columns: (header: string[]) => header.map((name) => name.trim()),
    bom: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_BYTES,
  });
  const file = createReadStream(path);
  file.on('error', (error) => records.destroy(error));
  file.pipe(records);
  let line = 2;
  try {
    for await (const { record, info } of records as AsyncIterable<CsvRecord>) {
      yield { line, values: record };
      // A record may span lines; the next begins after the last one that was read.
      line = info.lines + 1;
    }
  } catch (error) {
    const { code, lines } = error as CsvError & { lines?: number };
    if (!code?.startsWith('CSV_')) throw error;
    faults.add(lines ?? line, 'invalid_csv', (error as Error).message);
  }
}

interface CsvRecord {
  record: Record<string, string>;
  /** Lines read when the record was complete. */
  info: { lines: number };
}

async function* readJsonRows(path: string, faults: FaultList): AsyncGenerator<PromptRow> {
  for await (const line of readLines(path)) {
    if (line.bytes.length === 0) continue;
    const object = readObject(line, faults);
    if (object !== null) yield { line: line.number, values: textsOf(object) };
  }
}

/** What is no text stands in the prompt as JSON. */
function textsOf(object: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value ?? '');
}
