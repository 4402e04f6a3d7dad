#!/usr/bin/env bash
# Builds the real Faktory server from its Go module: build.sh OUT_FILE. Needs Go 1.25 or newer and a module proxy.
# `go install ...@v1.9.4` does not work; requiring the module from one of our own does.
set -euo pipefail
out=$(realpath -m "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$(dirname "$0")/go.mod" "$work/"
cd "$work"
CGO_ENABLED=0 go build -mod=mod -trimpath -o "$out" github.com/contribsys/faktory/cmd/faktory
