// Checks a batch file before it is uploaded, for faults that the server would report only later. Reads it in pieces, so that large
// files need not fit into memory.

export interface CheckedFile {
  lines: number;
  /** The endpoint of the first line, which all lines must share. */
  endpoint: string;
  models: string[];
  /** The first few faults. */
  faults: string[];
  faultCount: number;
}

const MAX_FAULTS = 8;
const MAX_MODELS = 5;
const MAX_LINES = 1_000_000;

export async function checkLines(file: Blob): Promise<CheckedFile> {
  const found: CheckedFile = { lines: 0, endpoint: '', models: [], faults: [], faultCount: 0 };
  const ids = new Set<string>();
  let number = 0;
  const take = (text: string) => {
    number += 1;
    if (text.trim() === '') return;
    found.lines += 1;
    const fault = faultOf(text, found, ids);
    if (fault === null) return;
    found.faultCount += 1;
    if (found.faults.length < MAX_FAULTS) found.faults.push(`line ${number}: ${fault}`);
  };
  let rest = '';
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line);
    if (found.lines > MAX_LINES) break;
  }
  if (rest !== '') take(rest);
  if (found.lines === 0) found.faults.push('the file is empty');
  return found;
}

interface Line {
  custom_id?: unknown;
  method?: unknown;
  url?: unknown;
  body?: { model?: unknown };
}

function faultOf(text: string, found: CheckedFile, ids: Set<string>): string | null {
  let line: Line;
  try {
    line = JSON.parse(text) as Line;
  } catch (error) {
    return `not JSON (${(error as Error).message})`;
  }
  if (typeof line !== 'object' || line === null) return 'not an object';
  const { custom_id: id, method, url, body } = line;
  if (typeof id !== 'string' || id === '') return 'custom_id is missing';
  if (ids.has(id)) return `custom_id '${id}' is used twice`;
  ids.add(id);
  if (method !== undefined && method !== 'POST') return 'method must be POST';
  if (typeof url !== 'string') return 'url is missing';
  if (found.endpoint === '') found.endpoint = url;
  if (url !== found.endpoint) return `url must be ${found.endpoint}, as in the first line`;
  if (typeof body !== 'object' || body === null) return 'body is missing';
  const { model } = body;
  if (typeof model !== 'string') return 'body.model is missing';
  if (!found.models.includes(model) && found.models.length < MAX_MODELS) found.models.push(model);
  return null;
}
