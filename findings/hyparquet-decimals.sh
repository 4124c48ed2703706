#!/bin/bash
# What      Amounts in a Parquet column of type DECIMAL, written by hyparquet-writer, read by DuckDB and by hyparquet, which is by
#           the writer's author.
# Versions  hyparquet 1.33.0, hyparquet-writer 0.17.0, @duckdb/node-api 1.5.6-r.1 (npm)
# Expected  The same amounts: DECIMAL is there so that money stays exact, and hyparquet gives INT64 as bigint for the same reason.
# Seen      2026-11-29: the writer writes a bigint exactly and DuckDB reads it so. hyparquet gives a number, whatever the precision:
#           beyond 2^53 units it is often another amount, without a word; with picodollars that is above 9,007 dollars. Such units in a
#           plain INT64 column come back exact.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 hyparquet@1.33.0 hyparquet-writer@0.17.0 @duckdb/node-api@1.5.6-r.1

cat > run.mjs <<'E'
import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
const database = await (await DuckDBInstance.create(':memory:')).connect();
const column = { name: 'amount', repetition_type: 'REQUIRED' };
const kinds = {
  'DECIMAL(18,2) in INT64': { type: 'INT64', converted_type: 'DECIMAL', precision: 18, scale: 2 },
  'DECIMAL(38,12) in 16 bytes': { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', precision: 38, scale: 12 },
  INT64: { type: 'INT64' },
};
const units = { 'DECIMAL(18,2) in INT64': 9007199254740993n, 'DECIMAL(38,12) in 16 bytes': 123456789012345678n, INT64: 12345678901234567n };
for (const [name, kind] of Object.entries(kinds)) {
  const file = parquetWriteBuffer({ columnData: [{ name: 'amount', data: [units[name]] }], schema: [{ name: 'root', num_children: 1 }, { ...column, ...kind }] });
  writeFileSync('amounts.parquet', Buffer.from(file));
  const [[exact]] = (await database.runAndReadAll("select amount::varchar from 'amounts.parquet'")).getRowsJson();
  const [{ amount }] = await parquetReadObjects({ file });
  console.log(`${name}: ${units[name]} units, DuckDB ${exact}, hyparquet ${typeof amount} ${amount}`);
}
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
DECIMAL(18,2) in INT64: 9007199254740993 units, DuckDB 90071992547409.93, hyparquet number 90071992547409.92
DECIMAL(38,12) in 16 bytes: 123456789012345678 units, DuckDB 123456.789012345678, hyparquet number 123456.78901234567
INT64: 12345678901234567 units, DuckDB 12345678901234567, hyparquet bigint 12345678901234567
E
