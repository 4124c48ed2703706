#!/usr/bin/env bash
# Restores a copy of backup.sh into an empty installation, before any process of Sluice runs there.
#
#   SLUICE_DATABASE_URL=… [REDIS_DIR=/var/lib/redis] [SLUICE_FILES=/data/files] deploy/backup/restore.sh FOLDER
#   SLUICE_DATA=/some/folder/.sluice deploy/backup/restore.sh FOLDER     # for `sluice start`
#
# REDIS_DIR: data directory of a stopped Redis; start it afterwards with `appendonly yes`. The database must exist and be empty.
set -euo pipefail
umask 077
folder=${1:?folder with the copy}

if [ -z "${SLUICE_DATABASE_URL:-}" ]; then
  : "${SLUICE_DATA:?or SLUICE_DATABASE_URL}"
  mkdir -p "$SLUICE_DATA"
  data=$(realpath "$SLUICE_DATA")
  SLUICE_DATABASE_URL=sqlite:$data/sluice.db
  REDIS_DIR=${REDIS_DIR:-$data/redis}
  SLUICE_FILES=${SLUICE_FILES:-$data/files}
  for name in key admin-key sluice.yaml; do [ ! -f "$folder/$name" ] || cp --no-clobber "$folder/$name" "$data/"; done
fi

restore_redis() {
  mkdir -p "$REDIS_DIR"
  if [ -n "$(ls -A "$REDIS_DIR")" ]; then
    echo "$REDIS_DIR is not empty" >&2
    exit 1
  fi
  if [ -d "$folder/appendonlydir" ]; then
    cp -r "$folder/appendonlydir" "$REDIS_DIR/"
    return
  fi
  # A Redis with `appendonly yes` does not read snapshots: one without it converts the snapshot to an append-only file.
  cp "$folder/dump.rdb" "$REDIS_DIR/"
  local socket=$REDIS_DIR/restore.sock
  "$(command -v redis-server || command -v valkey-server)" --port 0 --unixsocket "$socket" --dir "$REDIS_DIR" --save '' --appendonly no > /dev/null &
  local server=$!
  redis() { redis-cli -s "$socket" "$@"; }
  until redis ping 2> /dev/null | grep -q PONG; do kill -0 $server && sleep 0.1; done
  redis config set appendonly yes > /dev/null
  while redis info persistence | grep -qE '^aof_rewrite_(in_progress|scheduled):1'; do sleep 0.1; done
  redis shutdown nosave > /dev/null 2>&1 || true
  wait $server || true
  rm -f "$REDIS_DIR/dump.rdb"
}

[ -z "${REDIS_DIR:-}" ] || restore_redis
case $SLUICE_DATABASE_URL in
  sqlite:*) cp --no-clobber "$folder/sluice.db" "${SLUICE_DATABASE_URL#sqlite:}" ;;
  *)
    pg_restore --no-owner --exit-on-error --single-transaction --dbname="$SLUICE_DATABASE_URL" "$folder/sluice.dump"
    # The copy has no statistics of its tables: without them PostgreSQL reads whole tables until autovacuum has made some.
    psql --quiet --command=analyze "$SLUICE_DATABASE_URL"
    ;;
esac
if [ -n "${SLUICE_FILES:-}" ] && [ -f "$folder/files.tar" ]; then
  mkdir -p "$SLUICE_FILES" && tar --extract --file="$folder/files.tar" --directory="$SLUICE_FILES"
fi
echo "restored; start Redis and the processes, then: psql -f deploy/backup/check-books.sql"
