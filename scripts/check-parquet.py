# Reads an export of the ledger with two implementations other than the one that wrote it, and compares the results.
#   sluice costs export --format parquet > ledger.parquet
#   uv run --with duckdb --with pyarrow scripts/check-parquet.py ledger.parquet
import sys

import duckdb
import pyarrow.parquet as parquet

path = sys.argv[1]
table = parquet.read_table(path)
print(table.schema)
arrow = (table.num_rows, sum(table.column("cost_pico_usd").to_pylist()))
duck = duckdb.sql(f"select count(*), coalesce(sum(cost_pico_usd), 0)::hugeint from '{path}'").fetchall()[0]
print("rows and picodollars: pyarrow", arrow, "DuckDB", duck)
print("row groups:", parquet.ParquetFile(path).num_row_groups)
sys.exit(0 if tuple(arrow) == tuple(duck) else 1)
