#!/usr/bin/env bash
# What a batch saves, seen from outside: bench/benchmark.sh [URL]. 100 single posts against one batch of 100, then 1,000
# jobs in batches, to any running service. API_KEY is sent when it is set. The posts of a line go one after another over
# one connection; the times are curl's own, so that starting a process is not counted. It adds 1,200 real jobs.
set -euo pipefail

base=${1:-http://localhost:3000}
base=${base%/}
# A response is due within ENQUEUE_TIMEOUT_MS, at most 60 s; the first failure ends the run.
limits=$'max-time = 65\nconnect-timeout = 5'

# Prints one curl transfer: path, body.
transfer() {
  printf 'next\nurl = "%s%s"\ndata = "%s"\n' "$base" "$1" "${2//\"/\\\"}"
  printf 'header = "content-type: application/json"\noutput = "/dev/null"\n%s\n' "$limits"
  printf 'fail\nwrite-out = "%%{http_code} %%{time_total}\\n"\n'
  if [ -n "${API_KEY:-}" ]; then printf 'header = "authorization: Bearer %s"\n' "$API_KEY"; fi
}

batch_body() {
  local jobs='' index
  for ((index = 0; index < $1; index++)); do jobs+=",{\"operation\":\"add\",\"a\":$index,\"b\":1}"; done
  printf '{"jobs":[%s]}' "${jobs:1}"
}

singles() {
  local index
  for ((index = 0; index < $1; index++)); do transfer /jobs/add "{\"a\":$index,\"b\":1}"; done
}

batches() {
  local body index
  body=$(batch_body "$2")
  for ((index = 0; index < $1; index++)); do transfer /jobs/batch "$body"; done
}

# Name, number of jobs; the transfers on standard input. Sets `microseconds`.
measure() {
  local responses status time requests=0 exit_code=0
  # The first "next" of the list would end an empty transfer.
  responses=$(tail -n +2 | curl --silent --show-error --fail-early --config -) || exit_code=$?
  microseconds=0
  while read -r status time; do
    if [[ $status != 2?? || $status == 206 ]]; then
      case $status in
        000) echo "$1: no response from $base" >&2 ;;
        206) echo "$1: answered 206, some jobs were not stored" >&2 ;;
        *) echo "$1: answered $status" >&2 ;;
      esac
      exit 1
    fi
    time=${time/[.,]/}
    microseconds=$((microseconds + 10#$time))
    requests=$((requests + 1))
  done <<<"$responses"
  if ((exit_code != 0)); then
    echo "$1: curl ended with code $exit_code" >&2
    exit 1
  fi
  ((microseconds > 0)) || microseconds=1
  printf '%-16s %6d %9d %9d.%01d %10d\n' \
    "$1" "$2" "$requests" $((microseconds / 1000)) $((microseconds / 100 % 10)) $(($2 * 1000000 / microseconds))
}

echo "$base"
printf '%-16s %6s %9s %11s %10s\n' '' jobs requests ms jobs/s
measure 'single posts' 100 < <(singles 100)
singles_microseconds=$microseconds
measure 'one batch' 100 < <(batches 1 100)
tenths=$((singles_microseconds * 10 / microseconds))
measure 'batches of 100' 1000 < <(batches 10 100)
printf 'one batch of 100 is %d.%d times as fast as 100 single posts\n' $((tenths / 10)) $((tenths % 10))
