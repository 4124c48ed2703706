#!/usr/bin/env bash
# Builds the Dockerfile without an image registry, and tests the result: the base is made of Debian's packages
# and of Node from npm, everything else is as in the Dockerfile. Needs root, buildah, debootstrap, redis-server, and a checkout with
# its dependencies. Prints the size, and "the image works" at the end.
#
#   deploy/image/build-local.sh [working folder, kept for the next run]
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${1:-$(mktemp -d)}
mkdir -p "$work"
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
ca=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}

base() {
  [ -d "$work/base/usr" ] || debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" > "$work/debootstrap.log"
  rm -rf "$work/base/var/cache/apt" "$work/base/var/lib/apt/lists" "$work/base/usr/share/"{doc,man,locale,info}
  install -m 755 node_modules/node/bin/node "$work/base/usr/local/bin/node"
  mkdir -p "$work/base/usr/local/lib/node_modules"
  cp -r "$(npm root --global)/npm" "$work/base/usr/local/lib/node_modules/"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$work/base/usr/local/bin/npm"
  local container
  container=$(buildah "${storage[@]}" from scratch)
  buildah "${storage[@]}" copy -q "$container" "$work/base" / > /dev/null
  buildah "${storage[@]}" commit -q "$container" sluice-base > /dev/null
  buildah "${storage[@]}" rm "$container" > /dev/null
}

size() { buildah "${storage[@]}" images --format '{{.Size}}' "$1"; }

echo "base: Debian bookworm (minbase), Node $(node_modules/.bin/node --version)"
base
printf 'cafile=/root/ca.crt\n' > "$work/npmrc"
buildah "${storage[@]}" bud --layers --isolation chroot --network host --format docker --build-arg BASE=localhost/sluice-base \
  --volume "$work/npmrc:/root/.npmrc:ro" --volume "$ca:/root/ca.crt:ro" --tag sluice:local . > "$work/build.log" 2>&1 ||
  { tail -30 "$work/build.log"; exit 1; }
echo "image: $(size localhost/sluice:local), of it the base $(size localhost/sluice-base)"

# As `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` would: a root file system that cannot be written, /tmp and
# /data in memory, the user of the image without any capability.
container=$(buildah "${storage[@]}" from localhost/sluice:local)
root=$(buildah "${storage[@]}" mount "$container")
inside() {
  unshare --mount --pid --fork --kill-child sh -euc '
    root=$1; shift
    mount --bind "$root" "$root" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" && mount -t tmpfs -o uid=1000,gid=1000 tmpfs "$root/data"
    mkdir -p "$root/tmp/etc" && cp /etc/resolv.conf "$root/tmp/etc/" && mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev"
    mount -o remount,bind,ro "$root"
    cd "$root" && exec chroot . setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set -all -- \
      env -i PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=production SLUICE_DATA=/data HOST=127.0.0.1 "$@"
  ' sh "$root" "$@"
}
ports=($(node_modules/.bin/node -e '
  const { createServer } = require("node:net");
  const all = [0, 1, 2, 3].map(() => createServer().listen(0, "127.0.0.1"));
  setTimeout(() => { console.log(all.map((s) => s.address().port).join(" ")); all.forEach((s) => s.close()); }, 200);
'))
redis=${ports[0]} api=${ports[1]} simulator=${ports[2]} health=${ports[3]}
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  buildah "${storage[@]}" umount "$container" > /dev/null
  buildah "${storage[@]}" rm "$container" > /dev/null
}
trap finish EXIT
redis-server --port "$redis" --bind 127.0.0.1 --save '' --daemonize no > /dev/null & pids+=($!)
variables=(SLUICE_REDIS_URL="redis://127.0.0.1:$redis" SLUICE_DATABASE_URL=sqlite:/data/sluice.db SLUICE_API_KEY=sk-image-0123456789
  SLUICE_ADMIN_KEY=admin-image-0123456789 SLUICE_CONFIG=/sluice.yaml)
cat > "$root/sluice.yaml" <<YAML
providers: { simulator: { protocols: [openai-chat], base_url: "http://127.0.0.1:$simulator/v1", api_key: simulated } }
models: { m: { deployments: [{ provider: simulator, model: m, price: { input: 1, output: 1 } }] } }
YAML
chmod 644 "$root/sluice.yaml"
sluice() { inside "${variables[@]}" "$@"; }
in_image() { chroot "$root" "$@"; }

[ "$(sluice node sluice/bin/sluice.mjs --version)" = "$(node_modules/.bin/node -p 'require("./package.json").version')" ]
sluice sh -c '! touch /sluice/x 2> /dev/null && touch /data/x && [ "$(id -u)" = 1000 ]' && echo "root file system: read-only; /data: writable; user: 1000"
grep -q '"bomFormat": "CycloneDX"' "$root/sluice/sbom.cdx.json" && echo "SBOM: $(grep -c '"purl"' "$root/sluice/sbom.cdx.json") packages in /sluice/sbom.cdx.json"
sluice PORT="$api" node sluice/bin/sluice.mjs simulate --port "$simulator" > "$work/simulator.log" 2>&1 & pids+=($!)
sluice PORT="$api" node sluice/bin/sluice.mjs api > "$work/api.log" 2>&1 & pids+=($!)
sluice node sluice/bin/sluice.mjs worker --no-ledger --no-batches --no-webhooks --health-port "$health" > "$work/worker.log" 2>&1 & pids+=($!)
for _ in $(seq 240); do curl -sf "http://127.0.0.1:$api/readyz" > /dev/null && break; sleep 0.5; done
curl -sS --max-time 30 "http://127.0.0.1:$api/v1/chat/completions" -H 'Authorization: Bearer sk-image-0123456789' -H 'Content-Type: application/json' \
  -d '{"model":"m","messages":[{"role":"user","content":"Hello"}]}' | grep -q '"finish_reason":"stop"' || { tail -5 "$work"/{api,worker,simulator}.log; exit 1; }
buildah "${storage[@]}" inspect --type image localhost/sluice:local > "$work/image.json"
script=$(node_modules/.bin/node -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1])).Docker.config.Healthcheck.Test[3]' "$work/image.json")
for url in "http://127.0.0.1:$api/healthz" "http://127.0.0.1:$health/healthz"; do in_image /usr/bin/env SLUICE_HEALTH_URL="$url" node -e "$script"; done
! in_image /usr/bin/env SLUICE_HEALTH_URL="http://127.0.0.1:1/healthz" node -e "$script"
echo "an API process and a worker answered a request; HEALTHCHECK distinguishes them from a missing process"
echo "the image works"
