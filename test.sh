#!/usr/bin/env bash
# Builds llorch and runs its tests; the last line is "N passed, N failed, N skipped". .llorch-test.toml (see the
# example) adds backends, models and benchmarks of this machine.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
. scripts/setup.sh

usage() {
  cat <<'TEXT'
test.sh [--dev] [--tsan] [--all]
  (none)   the release build
  --dev    the build with AddressSanitizer and UndefinedBehaviorSanitizer
  --tsan   the build with ThreadSanitizer
  --all    all three, one after the other
TEXT
}

presets=()
while [ $# -gt 0 ]; do
  case $1 in
    --release) presets+=(release) ;;
    --dev) presets+=(dev) ;;
    --tsan) presets+=(tsan) ;;
    --all) presets=(release dev tsan) ;;
    --help | -h) usage; exit 0 ;;
    *) echo "test.sh: unknown option '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
[ ${#presets[@]} -gt 0 ] || presets=(release)

install_packages
code=0
for preset in "${presets[@]}"; do
  build_preset "$preset" -DLLORCH_TESTS=ON
  python3 -u scripts/run_tests.py "build/$preset" || code=1
done
exit "$code"
