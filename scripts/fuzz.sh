#!/usr/bin/env bash
# Builds the fuzz targets (preset "fuzz", needs clang) and runs each for SECONDS: scripts/fuzz.sh SECONDS [TARGET...]
# TARGET is the name of a tests/fuzz/fuzz_NAME.cpp, without "fuzz_"; default: all. New inputs are kept in
# build/fuzz/corpus; a crash stops the script, its input lies in build/fuzz/crashes and belongs into tests/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! ${1:-} =~ ^[0-9]+$ ]]; then
  echo "usage: scripts/fuzz.sh SECONDS [TARGET...]" >&2
  exit 2
fi
seconds=$1
shift
if [[ $# -eq 0 ]]; then
  for source in tests/fuzz/fuzz_*.cpp; do
    name=$(basename "$source" .cpp)
    set -- "$@" "${name#fuzz_}"
  done
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${@/#/fuzz_}"
mkdir -p build/fuzz/crashes
for name in "$@"; do
  mkdir -p "build/fuzz/corpus/$name"
  log=build/fuzz/$name.log
  echo "fuzz_$name: $seconds s, log in $log"
  if ! "build/fuzz/bin/fuzz_$name" -max_total_time="$seconds" -max_len=8192 -rss_limit_mb=2048 -malloc_limit_mb=64 \
    -artifact_prefix="build/fuzz/crashes/$name-" -print_final_stats=1 \
    "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    tail -40 "$log" >&2
    echo "fuzz_$name: FAILED, input in build/fuzz/crashes" >&2
    exit 1
  fi
  awk -v name="$name" '/stat::number_of_executed_units/ {print "fuzz_" name ": " $2 " executions, no crash"}' "$log"
done
