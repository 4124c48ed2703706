// Templates of prompts: `Summarise in {language}: {text}`. A name in braces stands for a column; `{{` and `}}` are braces.

export interface Template {
  /** The columns it names, in order, each once. */
  columns: readonly string[];
  /** A column that is not there is an empty text; `checkColumns` finds those beforehand. */
  fill(row: Readonly<Record<string, string>>): string;
}

const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/** Throws an Error that names the place where the template cannot be read. */
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
