// Small things for people who read the output in a terminal.

const hasColour = process.stdout.isTTY === true;

export function bold(text: string): string {
  return hasColour ? `\u001b[1m${text}\u001b[22m` : text;
}

export function dim(text: string): string {
  return hasColour ? `\u001b[2m${text}\u001b[22m` : text;
}

/** Columns as wide as their widest cell; numbers (cells that begin with a digit) to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (/^-?\d/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [bold(line(header)), ...rows.map(line)].join('\n');
}
