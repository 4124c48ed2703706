// Encodes rows as Parquet. A row group is written as soon as it is full, so that memory is bounded by one group. Loaded only for
// Parquet exports: its package is optional (docs/decisions/2026-11-28-parquet-by-hyparquet-writer.md).
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { parseUsd } from '../contracts/money.ts';
import type { ExportColumn, ExportedRow } from './export.ts';

/** A group takes a few megabytes of memory. Readers read or skip whole groups. */
const ROWS_PER_GROUP = 20_000;

const TYPES = {
  text: 'STRING',
  count: 'INT64',
  pico: 'INT64',
  time: 'TIMESTAMP',
  flag: 'BOOLEAN',
  usd: 'DOUBLE',
} as const;

/** The bytes of one file. A file without rows still has its columns. */
export async function* encodeParquet(
  rows: AsyncIterable<ExportedRow>,
  columns: readonly ExportColumn[],
): AsyncGenerator<Uint8Array> {
  const output = new ByteWriter(1 << 20);
  const writer = new ParquetWriter({
    writer: output,
    schema: schemaFromColumnData({ columnData: columnsOf([], columns) }),
    createdBy: 'sluice',
  });
  let group: ExportedRow[] = [];
  for await (const row of rows) {
    group.push(row);
    if (group.length < ROWS_PER_GROUP) continue;
    await writeGroup(writer, group, columns);
    group = [];
    yield taken(output);
  }
  if (group.length > 0) await writeGroup(writer, group, columns);
  await writer.finish();
  yield taken(output);
}

async function writeGroup(
  writer: ParquetWriter,
  group: readonly ExportedRow[],
  columns: readonly ExportColumn[],
): Promise<void> {
  await writer.write({ columnData: columnsOf(group, columns), rowGroupSize: ROWS_PER_GROUP });
}

function columnsOf(rows: readonly ExportedRow[], columns: readonly ExportColumn[]): ColumnSource[] {
  return columns.map(({ name, kind }) => ({
    name,
    type: TYPES[kind],
    nullable: true,
    data: rows.map((row) => parquetValue(row[kind === 'pico' ? 'cost_usd' : name] ?? null, kind)),
  }));
}

function parquetValue(value: string | number | null, kind: ExportColumn['kind']): unknown {
  if (value === null) return null;
  switch (kind) {
    case 'text':
      return String(value);
    case 'count':
      return BigInt(value);
    case 'pico':
      return parseUsd(String(value));
    case 'time':
      return new Date(Number(value));
    case 'flag':
      return Number(value) === 1;
    case 'usd':
      return Number(value);
  }
}

/** What was written since the last call. Only the buffer is reset: file offsets keep counting. */
function taken(output: ByteWriter): Uint8Array {
  const bytes = Uint8Array.from(output.getBytes());
  output.index = 0;
  return bytes;
}
