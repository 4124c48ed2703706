// Makes a batch's input of plain prompts: one line per row, written as the rows are read.

import { bodyFromPrompt, PROMPT_ENDPOINTS } from './endpoints.ts';
import { CommandError } from './exit-codes.ts';
import { createFaultList, type FaultList } from './faults.ts';
import { appendLine, type LineSink } from './line-sink.ts';
import { type PromptRow, readPrompts, TEXT_COLUMN } from './read-prompts.ts';
import { missingColumns, parseTemplate, type Template } from './template.ts';

export interface PromptOptions {
  /** Default: the column `prompt`, or the only one there is. */
  template?: string;
  /** Sent as it is: instructions often have braces of their own. */
  system?: string;
  model: string;
  endpoint: string;
  /** Column that becomes the custom_id; default: `line-<number>` by the line in the prompts' file. */
  idColumn?: string;
  /** More members of every body: `{"temperature":0}`. */
  body: Record<string, unknown>;
}

/** Writes lines to `sink`; the faults name lines of the prompts' file. Throws a CommandError for a bad template. */
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
    // After a fault nothing will be sent: the rest is only checked.
    if (isGood && faults.count === 0) await appendLine(sink, lineOf(row, template, options));
  }
  if (lines === 0 && faults.count === 0) faults.add(null, 'empty_file', 'has no prompts');
  return { faults, lines };
}

/** The first row had every column; objects of a JSONL file may differ. */
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
    faults.add(row.line, 'duplicate_custom_id', `has the id '${id}' of line ${first}; each must be its own`);
  } else known.set(id, row.line);
  return id !== '' && first === undefined;
}

function idOf({ line, values }: PromptRow, idColumn: string | undefined): string {
  return idColumn === undefined ? `line-${line}` : (values[idColumn] ?? '').trim();
}

/** Checked against the first row: of CSV it has the header's columns, of JSON what the others should have too. */
function prepareTemplate(path: string, options: PromptOptions, columns: readonly string[]): Template {
  const { endpoint, idColumn } = options;
  if (!PROMPT_ENDPOINTS.includes(endpoint)) {
    throw new CommandError(
      'input',
      `--prompts makes requests for ${PROMPT_ENDPOINTS.join(', ')}; write the lines yourself for ${endpoint}`,
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
  return new CommandError('input', `there is no column ${names}; there are: ${columns.join(', ')}`);
}

function defaultColumn(path: string, columns: readonly string[]): string {
  if (columns.includes(TEXT_COLUMN)) return TEXT_COLUMN;
  if (columns.length === 1) return columns[0]!;
  throw new CommandError(
    'input',
    `${path} has the columns ${columns.join(', ')}: say with --template what to ask, such as 'Summarise: {${columns.at(-1)}}'`,
  );
}
