#!/bin/sh
# Speed of a whole model: makes a Llama-3.2-1B of random weights once, then runs `llorch bench --profile` on it.
#   bench/model.sh [TYPE] [options of `llorch bench`]       TYPE: Q4_K (default), Q8_0, Q4_0, Q6_K, F16, F32
# LLORCH_BIN: the tool (build/release/bin/llorch); LLORCH_BENCH_DIR: where models are kept (/tmp/llorch-bench).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
llorch=${LLORCH_BIN:-$here/../build/release/bin/llorch}
models=${LLORCH_BENCH_DIR:-/tmp/llorch-bench}
type=Q4_K
case "${1:-}" in
  "" | -*) ;;
  *) type=$1; shift ;;
esac
[ -x "$llorch" ] || { echo "model.sh: no tool at $llorch; build it, or set LLORCH_BIN" >&2; exit 1; }
mkdir -p "$models"
model=$models/llama-1b-$type.gguf
if [ ! -f "$model" ]; then
  /usr/bin/python3 "$here/make_model.py" --type "$type" --out "$model.part" || { rm -f "$model.part"; exit 1; }
  mv "$model.part" "$model"
fi
exec "$llorch" bench "$model" --profile "$@"
