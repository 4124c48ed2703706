// Turns plain prompts into a batch's input: reads rows from a text, CSV or JSONL file, fills a template with each, and writes
// one line per row as it goes.
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { type CsvError, parse } from 'csv-parse';
import { bodyFromPrompt, PROMPT_ENDPOINTS } from './check-input.ts';
import { CommandError } from './exit-codes.ts';
import {
  appendLine,
  createFaultList,
  type FaultList,
  isObject,
  type LineSink,
  readLines,
  readObject,
} from './line-files.ts';

export interface PromptOptions {
  /** Default: the column `prompt`, or the only column. */
  template?: string;
  /** Not a template: instructions often contain braces. */
  system?: string;
  model: string;
  endpoint: string;
  /** Column that becomes the custom_id; default: `line-<number>` by the line number in the prompts file. */
  idColumn?: string;
  /** Further members of every body: `{"temperature":0}`. */
  body: Record<string, unknown>;
}

/** Writes lines to `sink`; faults refer to lines of the prompts file. Throws a CommandError for a bad template. */
export async function writePrompts(
  path: string,
  options: PromptOptions,
  sink: LineSink,
): Promise<{ faults: FaultList; lines: number }> {
  const faults = createFaultList();
  const known = new Map<string, number>();
  let template: Template | null = null;
  let lines = 0;
  for await (const row of readPrompts(path, faults)) {
    template ??= prepareTemplate(path, options, Object.keys(row.values));
    lines += 1;
    const isGood = checkRow(row, template, faults) && noteId(row, options.idColumn, known, faults);
    // After a fault nothing will be sent, so the rest is only checked.
    if (isGood && faults.count === 0) await appendLine(sink, lineOf(row, template, options));
  }
  if (lines === 0 && faults.count === 0) faults.add(null, 'empty_file', 'has no prompts');
  return { faults, lines };
}

/** The first row has every column, but objects in a JSONL file may differ. */
function checkRow({ line, values }: PromptRow, template: Template, faults: FaultList): boolean {
  const missing = missingColumns(template, Object.keys(values));
  if (missing.length > 0) faults.add(line, 'column_missing', `has no ${missing.map((name) => `'${name}'`).join(', ')}`);
  return missing.length === 0;
}

function noteId(row: PromptRow, idColumn: string | undefined, known: Map<string, number>, faults: FaultList): boolean {
  const id = idOf(row, idColumn);
  const first = known.get(id);
  if (id === '') faults.add(row.line, 'invalid_custom_id', `has no value in its column '${idColumn}'`);
  else if (first !== undefined) {
    faults.add(row.line, 'duplicate_custom_id', `has the id '${id}' of line ${first}; each must be unique`);
  } else known.set(id, row.line);
  return id !== '' && first === undefined;
}

function idOf({ line, values }: PromptRow, idColumn: string | undefined): string {
  return idColumn === undefined ? `line-${line}` : (values[idColumn] ?? '').trim();
}

/** Checked against the first row: in CSV it has the header's columns, in JSONL the others should have the same ones. */
function prepareTemplate(path: string, options: PromptOptions, columns: readonly string[]): Template {
  const { endpoint, idColumn } = options;
  if (!PROMPT_ENDPOINTS.includes(endpoint)) {
    throw new CommandError(
      'input',
      `--prompts supports ${PROMPT_ENDPOINTS.join(', ')}; for ${endpoint}, write a batch file`,
    );
  }
  if (idColumn !== undefined && !columns.includes(idColumn)) throw noColumn([idColumn], columns);
  return compile(options.template ?? `{${defaultColumn(path, columns)}}`, columns);
}

function lineOf(
  row: PromptRow,
  template: Template,
  { endpoint, model, system, body, idColumn }: PromptOptions,
): string {
  const made = bodyFromPrompt(endpoint, { system, user: template.fill(row.values) });
  const line = { custom_id: idOf(row, idColumn), method: 'POST', url: endpoint, body: { model, ...made, ...body } };
  return JSON.stringify(line);
}

function compile(text: string, columns: readonly string[]): Template {
  let template: Template;
  try {
    template = parseTemplate(text);
  } catch (error) {
    throw new CommandError('input', (error as Error).message);
  }
  const missing = missingColumns(template, columns);
  if (missing.length > 0) throw noColumn(missing, columns);
  return template;
}

function noColumn(missing: readonly string[], columns: readonly string[]): CommandError {
  const names = missing.map((column) => `'${column}'`).join(', ');
  return new CommandError('input', `there is no column ${names}; columns: ${columns.join(', ')}`);
}

function defaultColumn(path: string, columns: readonly string[]): string {
  if (columns.includes(TEXT_COLUMN)) return TEXT_COLUMN;
  if (columns.length === 1) return columns[0]!;
  throw new CommandError(
    'input',
    `${path} has the columns ${columns.join(', ')}: give a prompt with --template, such as 'Summarise: {${columns.at(-1)}}'`,
  );
}

export interface PromptRow {
  /** Line of the file where the row begins. */
  line: number;
  values: Readonly<Record<string, string>>;
}

/** The only column of a text file. */
export const TEXT_COLUMN = 'prompt';
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** The format follows from the extension. Unreadable rows are faults; reading a CSV file stops at the first one. */
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
      // A record may span several lines; the next one begins after its last line.
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
  /** Number of lines read up to the end of the record. */
  info: { lines: number };
}

async function* readJsonRows(path: string, faults: FaultList): AsyncGenerator<PromptRow> {
  for await (const line of readLines(path)) {
    if (line.bytes.length === 0) continue;
    const object = readObject(line, faults);
    if (object !== null) yield { line: line.number, values: textsOf(object) };
  }
}

/** Values other than strings appear in the prompt as JSON. */
function textsOf(object: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value ?? '');
}

export interface Template {
  /** The columns that the template names, in order, each once. */
  columns: readonly string[];
  /** A missing column is filled with an empty string; `missingColumns` finds those beforehand. */
  fill(row: Readonly<Record<string, string>>): string;
}

const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/** Throws an Error that shows where the template is malformed. */
export function parseTemplate(text: string): Template {
  const parts: (string | { column: string })[] = [];
  let end = 0;
  for (const match of text.matchAll(PART)) {
    parts.push(text.slice(end, match.index), partOf(match, text));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  const columns = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.column]));
  return {
    columns: [...new Set(columns)],
    fill: (row) => parts.map((part) => (typeof part === 'string' ? part : (row[part.column] ?? ''))).join(''),
  };
}

function partOf([whole, name]: RegExpExecArray, text: string): string | { column: string } {
  if (whole === '{{') return '{';
  if (whole === '}}') return '}';
  const column = name?.trim();
  if (column) return { column };
  throw new Error(
    `the template has ${whole === '{}' ? 'an empty {}' : `a lone '${whole}'`}: write {column} for a value, {{ and }} for braces (in: ${text.slice(0, 80)})`,
  );
}

/** Columns that the template names and the input does not have. */
export function missingColumns({ columns }: Template, available: readonly string[]): string[] {
  return columns.filter((column) => !available.includes(column));
}
