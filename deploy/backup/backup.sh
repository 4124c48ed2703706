#!/usr/bin/env bash
# Copies the data of a running Sluice into a folder: Redis first, then SQL, then files. In this order nothing is missing: the copy of
# Redis has the messages of the ledger's stream, and a message that the copy of SQL also has is written only once.
#
#   SLUICE_REDIS_URL=… SLUICE_DATABASE_URL=… [SLUICE_FILES=/data/files] deploy/backup/backup.sh FOLDER
#   SLUICE_DATA=/some/folder/.sluice deploy/backup/backup.sh FOLDER      # of `sluice start` with its own Redis and SQLite
#
# Redis on this machine: its append-only file. Elsewhere: a snapshot over the network (redis-cli --rdb), which needs no CONFIG command.
set -euo pipefail
umask 077
folder=${1:?folder for the copy}
mkdir -p "$folder"

if [ -z "${SLUICE_REDIS_URL:-}" ]; then
  : "${SLUICE_DATA:?or SLUICE_REDIS_URL and SLUICE_DATABASE_URL}"
  data=$(realpath "$SLUICE_DATA")
  read_access() { node -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"))[process.argv[2]]' "$data/redis/redis.json" "$1"; }
  password=$(read_access password)
  SLUICE_REDIS_URL=redis://:$password@127.0.0.1:$(read_access port)
  [ ! -S "$data/redis/redis.sock" ] || SLUICE_REDIS_URL=unix://$data/redis/redis.sock?password=$password
  SLUICE_DATABASE_URL=${SLUICE_DATABASE_URL:-sqlite:$data/sluice.db}
  SLUICE_FILES=${SLUICE_FILES:-$data/files}
fi

case $SLUICE_REDIS_URL in
  # As in redis.url, which redis-cli does not know: unix:///path/redis.sock?password=…
  unix:*)
    socket=${SLUICE_REDIS_URL#unix://}
    password=$(sed -n 's/.*[?&]password=\([^&]*\).*/\1/p' <<< "$SLUICE_REDIS_URL")
    REDISCLI_AUTH=$(printf '%b' "${password//%/\\x}")
    export REDISCLI_AUTH
    redis() { redis-cli -s "${socket%%\?*}" "$@"; }
    ;;
  *) redis() { redis-cli -u "$SLUICE_REDIS_URL" --no-auth-warning "$@"; } ;;
esac

# Redis' setting while the script has changed it; a trap on RETURN would not come when `set -e` or a signal ends the script.
percentage=
restore_rewrites() {
  [ -z "$percentage" ] || redis config set auto-aof-rewrite-percentage "$percentage" > /dev/null
}

copy_redis() {
  local directory appendonly
  directory=$(redis config get dir 2> /dev/null | tail -1 || true)
  appendonly=$(redis config get appendonly 2> /dev/null | tail -1 || true)
  if [ "$appendonly" != yes ] || [ ! -d "$directory/appendonlydir" ]; then
    redis --rdb "$folder/dump.rdb" > /dev/null
    echo "Redis: a snapshot, $(du -h "$folder/dump.rdb" | cut -f1)"
    return
  fi
  # During a rewrite of the file its parts do not match at any moment.
  trap restore_rewrites EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  percentage=$(redis config get auto-aof-rewrite-percentage | tail -1)
  redis config set auto-aof-rewrite-percentage 0 > /dev/null
  while redis info persistence | grep -q '^aof_rewrite_in_progress:1'; do sleep 0.2; done
  cp -r "$directory/appendonlydir" "$folder/"
  restore_rewrites
  percentage=
  trap - EXIT INT TERM
  echo "Redis: the append-only file, $(du -sh "$folder/appendonlydir" | cut -f1)"
}

copy_sql() {
  case $SLUICE_DATABASE_URL in
    sqlite:*)
      node --no-warnings -e 'new (require("node:sqlite").DatabaseSync)(process.argv[1]).exec(`VACUUM INTO '"'"'${process.argv[2]}'"'"'`)' \
        "${SLUICE_DATABASE_URL#sqlite:}" "$folder/sluice.db"
      echo "SQL: SQLite, $(du -h "$folder/sluice.db" | cut -f1)"
      ;;
    *)
      pg_dump --format=custom --no-owner --file="$folder/sluice.dump" "$SLUICE_DATABASE_URL"
      echo "SQL: PostgreSQL, $(du -h "$folder/sluice.dump" | cut -f1)"
      ;;
  esac
}

copy_redis
copy_sql
if [ -n "${SLUICE_FILES:-}" ]; then
  tar --create --file="$folder/files.tar" --directory="$SLUICE_FILES" .
  echo "files: $(du -h "$folder/files.tar" | cut -f1)"
fi
if [ -n "${data:-}" ]; then
  # The keys that `sluice start` has created, and its configuration for the simulator.
  for name in key admin-key sluice.yaml; do [ ! -f "$data/$name" ] || cp "$data/$name" "$folder/"; done
fi
