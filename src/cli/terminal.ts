// Output for people who read it in a terminal: styles, escaping, tables, numbers.

const hasColour = process.stdout.isTTY === true;

export function bold(text: string): string {
  return hasColour ? `\u001b[1m${text}\u001b[22m` : text;
}

export function dim(text: string): string {
  return hasColour ? `\u001b[2m${text}\u001b[22m` : text;
}

/** Writes a line to standard output. All output of commands goes through here or through `complain`. */
export function print(text = ''): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** Writes a line to standard error. */
export function complain(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/**
 * Makes text of clients and providers safe for a terminal. Control characters, which could move the cursor, change the
 * title or type a command, and marks that reorder text are shown as escapes (those of JSON, so that JSON stays valid).
 * Newlines, tabs and the bold and dim of this file are kept.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (found) =>
    found.length > 1 ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** C0 and C1 controls, DEL, bidirectional and zero-width marks, line separators. */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters.
  /\u001b\[(?:1|2|22)m|(?![\n\t])[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

type Cells = readonly (readonly string[])[];

/** Columns are as wide as their widest cell; cells that begin with a digit are aligned to the right. */
export function formatTable(header: readonly string[], rows: Cells): string {
  return tableInParts(header)(rows);
}

/** A table whose rows come in parts: the first has the header, and a column that a later part needs wider stays so. */
export function tableInParts(header: readonly string[]): (rows: Cells) => string {
  const widths = header.map((title) => title.length);
  const format = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (/^-?\d/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  let isFirst = true;
  return (rows) => {
    // Line breaks and tabs within a cell would break the table.
    const shown = rows.map((row) => row.map((cell) => printable(cell).replace(/[\n\t]/g, ' ')));
    for (const row of shown) {
      for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column]!, cell.length);
    }
    const lines = [...(isFirst ? [bold(format(header))] : []), ...shown.map(format)];
    isFirst = false;
    return lines.join('\n');
  };
}

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

export function formatBytes(bytes: number): string {
  const unit = bytes < 1_000 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** unit;
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${BYTE_UNITS[unit]}`;
}

/** At most two units: `3 h 12 min`, `45 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Small amounts have four digits: a batch of cheap lines costs fractions of a cent. */
export function formatDollars(usd: number): string {
  return `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}
