// Checks a whole input file before anything is uploaded, in one pass and with every fault's line.
import { checkLine, type InputLine, isObject, type JsonObject, readObject } from './check-line.ts';
import { createFaultList, type FaultList } from './faults.ts';
import { type Line, readLines } from './read-lines.ts';

export interface InputSummary {
  lines: number;
  /** Where all lines go. */
  endpoint: string;
  /** By name: how many lines. Bounded: more than a hundred are counted under `…`. */
  models: ReadonlyMap<string, number>;
}

export interface InputOptions {
  /** Every line must go there; absent: where the first line goes. */
  endpoint?: string;
  /** In place of what the lines say. */
  model?: string;
}

const MAX_MODELS = 100;

/**
 * The faults (none: the input is good) and what the input holds. Each good line is handed to `onLine`, as it will be
 * sent. Memory grows only by the custom_ids: about 100 bytes per line.
 */
export async function checkInput(
  path: string,
  { endpoint: wanted, model }: InputOptions,
  onLine: (line: InputLine, raw: Line) => void | Promise<void> = () => undefined,
): Promise<{ faults: FaultList; summary: InputSummary }> {
  const faults = createFaultList();
  const firstLines = new Map<string, number>();
  const models = new Map<string, number>();
  let endpoint = wanted ?? null;
  let lines = 0;

  for await (const raw of readLines(path)) {
    if (raw.number === 1) noteEncoding(raw, faults);
    const object = readObject(raw, faults);
    lines += 1;
    if (object === null) continue;
    if (model !== undefined) setModel(object, model);
    if (endpoint === null && typeof object.url === 'string') endpoint = object.url;
    const isGood = checkLine(object, raw.number, endpoint, faults);
    const isNew = noteCustomId(object.custom_id, raw.number, firstLines, faults);
    if (!isGood || !isNew) continue;
    const line = object as unknown as InputLine;
    count(models, line.body.model as string);
    await onLine(line, raw);
  }
  if (lines === 0) faults.add(null, 'empty_file', 'has no lines');
  return { faults, summary: { lines, endpoint: endpoint ?? '', models } };
}

/** A text editor's UTF-16 or byte order mark is one fault of the file, best said by its name. */
function noteEncoding({ bytes }: Line, faults: FaultList): void {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    faults.add(1, 'invalid_encoding', 'begins with a byte order mark; save the file as UTF-8 without one');
  } else if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    faults.add(1, 'invalid_encoding', 'is UTF-16; save the file as UTF-8');
  }
}

function setModel(line: JsonObject, model: string): void {
  if (isObject(line.body)) line.body.model = model;
}

function noteCustomId(id: unknown, number: number, firstLines: Map<string, number>, faults: FaultList): boolean {
  if (typeof id !== 'string') return true;
  const first = firstLines.get(id);
  if (first === undefined) {
    firstLines.set(id, number);
    return true;
  }
  faults.add(number, 'duplicate_custom_id', `has the custom_id '${id}' of line ${first}; each must be its own`);
  return false;
}

function count(models: Map<string, number>, model: string): void {
  const name = models.has(model) || models.size < MAX_MODELS ? model : '…';
  models.set(name, (models.get(name) ?? 0) + 1);
}
