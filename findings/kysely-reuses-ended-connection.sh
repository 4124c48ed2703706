#!/bin/bash
# What      A query that PostgreSQL ends together with its connection (FATAL: an administrator's command, a failover), and the
#           next query that waits for a free connection, with pg's own pool.query() and with Kysely on the same pool.
# Versions  pg 8.23.1, kysely 0.29.9 (npm); needs PostgreSQL's initdb and postgres (15 here), started on a Unix socket
# Expected  The pool drops the dead connection in both cases: one query fails, the next one gets a new connection.
# Seen      2026-11-28: with Kysely the connection is returned to the pool as healthy before its end is noticed; the next query
#           gets it and fails too.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${postgres:-}" 2>/dev/null && wait "$postgres" || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 pg@8.23.1 kysely@0.29.9
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1); PATH="$PATH:$bin"
as=(); if [ "$(id -u)" = 0 ]; then chmod 711 "$dir"; as=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi
mkdir data && { [ ${#as[@]} = 0 ] || chown nobody:nogroup data; }
"${as[@]}" initdb -D "$dir/data" -U test --auth=trust > /dev/null
"${as[@]}" postgres -D "$dir/data" -k "$dir/data" -c listen_addresses= > log 2>&1 & postgres=$!
until grep -q 'ready to accept' log; do sleep 0.1; done
cat > run.mjs <<'E'
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';

const settings = { host: process.argv[2], user: 'test', database: 'postgres' };
async function endUnderAQuery(name, open) {
  const pool = new pg.Pool({ ...settings, max: 1 });
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  const run = open(pool);
  const admin = new pg.Client(settings);
  await admin.connect();
  const seen = (promise) => promise.then(() => 'works', () => 'fails');
  const first = seen(run('select pg_sleep(30) /* first */'));
  const second = seen(run('select 1'));
  const end = `select pg_terminate_backend(pid) from pg_stat_activity
    where state = 'active' and query like '%/* first%' and pid <> pg_backend_pid()`;
  while ((await admin.query(end)).rowCount === 0);
  console.log(`${name}: the ended query ${await first}, the next one ${await second}, the third ${await seen(run('select 1'))}`);
  await admin.end();
  await pool.end();
}
await endUnderAQuery('pg', (pool) => (text) => pool.query(text));
await endUnderAQuery('kysely', (pool) => {
  const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
  return (text) => sql.raw(text).execute(kysely);
});
E
node_modules/.bin/node run.mjs "$dir/data" | tee seen
diff seen - <<'E' && echo 'unchanged'
pg: the ended query fails, the next one works, the third works
kysely: the ended query fails, the next one fails, the third works
E
