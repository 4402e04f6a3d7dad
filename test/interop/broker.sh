# Sourced by the scripts here: unless FAKTORY_URL names a server, starts the embedded broker with a password (`npm run build`
# first) in the folder $work, and sets FAKTORY_URL. The caller ends the process $broker.
broker=
start_broker() {
  [ -z "${FAKTORY_URL:-}" ] || return 0
  local main log=$work/broker.log
  main=$(dirname "${BASH_SOURCE[0]}")/../../dist/main.js
  FAKTORY_BIND=127.0.0.1:0 FAKTORY_PASSWORD=interop DATA_DIR=$work/data node "$main" broker >"$log" &
  broker=$!
  for _ in $(seq 100); do
    address=$(sed -nE 's/.*"broker":"([^"]+)".*/\1/p' "$log")
    [ -z "$address" ] || break
    sleep 0.1
  done
  [ -n "$address" ] || { cat "$log" >&2; exit 1; }
  export FAKTORY_URL=tcp://:interop@$address
}
