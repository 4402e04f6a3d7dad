#!/usr/bin/env bash
# Builds the Go client and worker program and runs it: against FAKTORY_URL when it is set, else against the embedded
# broker with a password (`npm run build` first). Needs Go 1.25 and a module proxy; ends by itself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker"; rm -rf "$work"' EXIT

cp "$here"/go/* "$work/"
(cd "$work" && CGO_ENABLED=0 go build -mod=mod -o interop .)

if [ -z "${FAKTORY_URL:-}" ]; then
  log=$work/broker.log
  FAKTORY_BIND=127.0.0.1:0 FAKTORY_PASSWORD=interop DATA_DIR=$work/data node "$here/../../dist/main.js" broker >"$log" &
  broker=$!
  for _ in $(seq 100); do
    address=$(sed -nE 's/.*"broker":"([^"]+)".*/\1/p' "$log")
    [ -z "$address" ] || break
    sleep 0.1
  done
  [ -n "$address" ] || { cat "$log" >&2; exit 1; }
  export FAKTORY_URL=tcp://:interop@$address
fi
timeout 120 "$work/interop"
