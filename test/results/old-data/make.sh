#!/usr/bin/env bash
# Writes the data of this folder with the stores of revision 9051b71: `embedded/` is a database of the all-in-one process,
# `redis.json` what its Redis holds. They are committed; test/results/old-data.test.ts reads them with the present stores.
# Needs npm and redis-server.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git -C "$here/../../.." archive 9051b71 src package.json package-lock.json tsconfig.json .npmrc | tar -x -C "$work"
(cd "$work" && npm ci --silent)
cp "$here/write.mjs" "$work/write.mjs"
rm -rf "$here/embedded" "$here/redis.json"
(cd "$work" && node --import tsx write.mjs "$here")
# Made again whenever the database is opened.
rm -f "$here/embedded/LOG" "$here/embedded/LOG.old" "$here/embedded/LOCK"
