import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import {
  csvLine,
  EXPORT_COLUMNS,
  type ExportedRow,
  type ExportFormat,
  encodeRows,
  exportRows,
  reportColumns,
  reportRow,
} from '#src/ledger/export.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { reportUsage } from '#src/ledger/reports.ts';
import { openDatabase } from '#src/storage/database.ts';

test('a CSV line has all columns', () => {
  expect(csvLine(['plain', 12, null, -3, '0.5'])).toBe('plain,12,,-3,0.5\r\n');
  expect(csvLine(['a,b', 'say "x"', 'two\nlines'])).toBe('"a,b","say ""x""","two\nlines"\r\n');
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1'])(
  'a text that a spreadsheet would evaluate is escaped: %s',
  (text) => {
    expect(csvLine([text])).toBe(`'${text}\r\n`);
  },
);

const NOW = Date.parse('2026-11-28T12:00:00.123Z');
const entry: LedgerEntry = {
  requestId: 'req_1',
  attempt: 1,
  keyId: 'key_1',
  labels: { tags: ['team:search', 'nightly'] },
  model: 'gpt-4o',
  provider: 'openai',
  deployment: 'openai/gpt-4o',
  upstreamModel: 'gpt-4o',
  protocol: 'openai-chat',
  lane: 'interactive',
  isStream: true,
  state: 'settled',
  outcome: 'ok',
  startedAtMs: NOW,
  queueMs: 3,
  firstByteMs: null,
  durationMs: 900,
  inputTokens: 12,
  cachedInputTokens: 4,
  cacheWriteTokens: 0,
  outputTokens: 7,
  reasoningTokens: 0,
  costPicoUsd: '999999999999999999',
};

async function fileOf(
  rows: AsyncIterable<ExportedRow>,
  columns: (typeof EXPORT_COLUMNS)['attempt'],
  format: ExportFormat,
) {
  const pieces: Buffer[] = [];
  for await (const piece of encodeRows(rows, columns, format)) pieces.push(Buffer.from(piece as Uint8Array));
  const bytes = Buffer.concat(pieces);
  return { pieces, bytes, file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer };
}

test('Parquet has every column with its type, and exact picodollars', async () => {
  const database = await openDatabase('sqlite::memory:', () => undefined);
  await createLedgerStore(database).insert([{ attempt: entry }]);
  const columns = EXPORT_COLUMNS.attempt;
  const shown = (await exportRows(database, 'attempt', {}).next()).value as ExportedRow;
  // A column that the table has and the export does not know would be missing in every format.
  expect(Object.keys(shown).sort()).toEqual(
    columns.flatMap(({ name, kind }) => (kind === 'pico' ? [] : [name])).sort(),
  );
  const { file } = await fileOf(exportRows(database, 'attempt', {}), columns, 'parquet');
  const [row] = await parquetReadObjects({ file });
  expect(row).toMatchObject({
    request_id: 'req_1',
    attempt: 1n,
    is_stream: true,
    started_at: new Date(NOW),
    first_byte_ms: null,
    input_tokens: 12n,
    tags: 'team:search,nightly',
    cost_pico_usd: 999_999_999_999_999_999n,
    cost_usd: 1_000_000,
  });
  const csv = (await fileOf(exportRows(database, 'attempt', {}), columns, 'csv')).bytes.toString().split('\r\n');
  expect(csv[0]!.split(',')).toEqual(columns.flatMap(({ name, kind }) => (kind === 'pico' ? [] : [name])));
  expect(csv[1]).toContain('999999.999999999999');
  const jsonl = (await fileOf(exportRows(database, 'attempt', {}), columns, 'jsonl')).bytes.toString();
  expect(JSON.parse(jsonl)).toEqual({ ...shown });
  const report = await reportUsage(database, { groupBy: ['day', 'model'] });
  const rows = (async function* () {
    yield* report.map(reportRow);
  })();
  const reported = await fileOf(rows, reportColumns(['day', 'model'], 'attempt'), 'parquet');
  expect(await parquetReadObjects({ file: reported.file })).toMatchObject([
    { day: '2026-11-28', model: 'gpt-4o', attempts: 1n, output_tokens: 7n, cost_pico_usd: 999_999_999_999_999_999n },
  ]);
  await database.destroy();
});

test('a large file is written one row group at a time; an empty one has its columns', async () => {
  const columns = reportColumns(['model'], 'attempt');
  const rows = async function* (count: number): AsyncGenerator<ExportedRow> {
    for (let number = 0; number < count; number++)
      yield { model: `m${number % 7}`, attempts: number, cost_usd: '0.000001' };
  };
  const { pieces, file } = await fileOf(rows(45_000), columns, 'parquet');
  expect(pieces).toHaveLength(3);
  const { row_groups: groups, num_rows: all } = parquetMetadata(file);
  expect([groups.length, all]).toEqual([3, 45_000n]);
  const read = await parquetReadObjects({ file, columns: ['model', 'attempts'], rowStart: 44_999, rowEnd: 45_000 });
  expect(read).toEqual([{ model: `m${44_999 % 7}`, attempts: 44_999n }]);
  const none = await fileOf(rows(0), columns, 'parquet');
  expect(
    parquetMetadata(none.file)
      .schema.slice(1)
      .map(({ name }) => name),
  ).toEqual(columns.map(({ name }) => name));
});
