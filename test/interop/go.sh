#!/usr/bin/env bash
# Builds the Go client and worker program and runs it: against FAKTORY_URL when it is set, else against the embedded broker
# (broker.sh); jobs are also posted to this project's API in front of it. Needs Go 1.25 and a module proxy; ends by itself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
. "$here/broker.sh"
trap 'for one in $api $broker; do kill "$one"; wait "$one" || true; done; rm -rf "$work"' EXIT

cp "$here"/go/* "$work/"
(cd "$work" && CGO_ENABLED=0 go build -mod=mod -o interop .)
start_broker
start_api
timeout 120 "$work/interop"
