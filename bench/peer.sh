#!/bin/sh
# llorch and llama.cpp on the same files, turn and turn about in one run, with the machine's roof measured in that run.
#   bench/peer.sh [--no-amx] [--pairs N] [-p N] [-n N] [--threads N] MODEL.gguf...
# --no-amx: llama.cpp without its AMX build, which llorch has none to match. Needs node, npm, python3 and, once, the
# network: node-llama-cpp (700 MB) is installed without running scripts, to LLORCH_PEER_DIR (~/.cache/llorch-peer).
# LLORCH_BIN: the tool (build/release/bin/llorch).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
LLORCH_BIN=${LLORCH_BIN:-$here/../build/release/bin/llorch}
LLORCH_PEER_DIR=${LLORCH_PEER_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/llorch-peer}
export LLORCH_BIN LLORCH_PEER_DIR
[ -x "$LLORCH_BIN" ] || { echo "peer.sh: no tool at $LLORCH_BIN; build it, or set LLORCH_BIN" >&2; exit 1; }
for program in node npm python3; do
  command -v "$program" > /dev/null || { echo "peer.sh: needs $program" >&2; exit 1; }
done
if [ ! -d "$LLORCH_PEER_DIR/node_modules/node-llama-cpp" ]; then
  mkdir -p "$LLORCH_PEER_DIR"
  (cd "$LLORCH_PEER_DIR" && npm install --ignore-scripts --no-audit --no-fund node-llama-cpp@3.22.1 >&2)
fi
exec python3 "$here/peer/speed.py" "$@"
