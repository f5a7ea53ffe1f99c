#!/usr/bin/env bash
# Checks and measures the CUDA backend on a machine with an NVIDIA GPU. Needs nvcc, CMake and a C++20 compiler, nothing
# else; builds in build/gpucheck.
#
#   gpu-check.sh [--quick] [--no-bench] [--sanitizer]
#
# In this order: every op over its grid against the reference, whole families against their goldens, the same bits in any
# batch; rates with the shape of an 8B model and random weights, in BF16 and Q4_K_M, beside what the device's memory and
# matrix units reach (by PyTorch where python3 has it); with --sanitizer compute-sanitizer's memcheck and racecheck over
# a part of the grid. With LLORCH_TESTDATA, a folder that has stories260K, that model's story too.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

quick=
bench=1
sanitizer=0
for arg in "$@"; do
  case $arg in
    --quick) quick=--quick ;;
    --no-bench) bench=0 ;;
    --sanitizer) sanitizer=1 ;;
    *) sed -n '2,11p' "$0"; exit 2 ;;
  esac
done

build=build/gpucheck
cmake -S tests/gpu/standalone -B "$build" >"/tmp/gpucheck-cmake.log" 2>&1 || { cat /tmp/gpucheck-cmake.log; exit 1; }
cmake --build "$build" -j "$(nproc)" --target gpucheck >"/tmp/gpucheck-build.log" 2>&1 || { tail -40 /tmp/gpucheck-build.log; exit 1; }
gpucheck=$build/gpucheck
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader

code=0
"$gpucheck" $quick || code=1
if [ $bench = 1 ]; then
  python3 bench/gpu_roof.py 2>/dev/null || echo "no PyTorch: the roof was not measured"
  "$gpucheck" $quick --bench BF16 --bench Q4_K_M || code=1
fi
if [ $sanitizer = 1 ]; then
  for tool in memcheck racecheck; do
    for part in "linear Q4_K 256" "linear BF16 96" "heads_linear" "norm" "attend 4/2" "experts 2 of 8 Q4_K" "sample 1000" "family llama"; do
      echo "$tool: $part"
      compute-sanitizer --tool $tool --error-exitcode 9 "$gpucheck" --quick --only "$part" 2>&1 | grep -E "ERROR SUMMARY|RACECHECK SUMMARY|passed"
      [ "${PIPESTATUS[0]}" = 0 ] || code=1
    done
  done
fi
exit $code
