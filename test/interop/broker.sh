# Sourced by the scripts here: unless FAKTORY_URL names a server, starts the embedded broker with a password (`npm run build`
# first) in the folder $work, and sets FAKTORY_URL. The caller ends the process $broker.
broker=
main=$(dirname "${BASH_SOURCE[0]}")/../../dist/main.js
start_broker() {
  [ -z "${FAKTORY_URL:-}" ] || return 0
  FAKTORY_BIND=127.0.0.1:0 FAKTORY_PASSWORD=interop DATA_DIR=$work/data node "$main" broker >"$work/broker.log" &
  broker=$!
  await_address broker "$work/broker.log"
  export FAKTORY_URL=tcp://:interop@$address
}

# Starts the API in front of FAKTORY_URL, and sets API_URL. The caller ends the process $api.
api=
start_api() {
  LOG_LEVEL=info BIND_ADDR=127.0.0.1:0 PASSTHROUGH_JOBTYPES='go.*' SHUTDOWN_DRAIN_DELAY_MS=0 DATA_DIR=$work/data \
    node "$main" api >"$work/api.log" &
  api=$!
  await_address url "$work/api.log"
  export API_URL=$address
}

# Sets $address to the field $1 of the log lines in $2.
await_address() {
  for _ in $(seq 100); do
    address=$(sed -nE "s/.*\"$1\":\"([^\"]+)\".*/\1/p" "$2")
    [ -z "$address" ] || return 0
    sleep 0.1
  done
  cat "$2" >&2
  exit 1
}
