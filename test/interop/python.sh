#!/usr/bin/env bash
# Installs the Python client and worker into a folder of its own and runs the program: against FAKTORY_URL when it is set, else
# against the embedded broker (broker.sh). Needs Python 3.9 and a package index; ends by itself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
. "$here/broker.sh"
trap '[ -z "$broker" ] || { kill "$broker"; wait "$broker" || true; }; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check faktory==1.0.0
start_broker
timeout 120 "$work/venv/bin/python" "$here/python/main.py"
