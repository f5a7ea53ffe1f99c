#!/usr/bin/env bash
# Time, memory and rates of quantising a Llama-3.2-1B-shaped model (1.24 billion weights, F16) of random weights:
# bench/quantize.sh [TYPE...]     default: Q4_K_M. Needs python3-numpy and 4 GB in TMPDIR; LLORCH_BIN: the tool.
set -euo pipefail
cd "$(dirname "$0")/.."

llorch=${LLORCH_BIN:-build/release/bin/llorch}
scratch=${TMPDIR:-/tmp}/llorch-bench
mkdir -p "$scratch"
model=$scratch/1b-f16.gguf
[[ -f $model ]] || /usr/bin/python3 bench/make_model.py --type F16 --out "$model"
[[ $# -gt 0 ]] || set -- Q4_K_M
cat "$model" >/dev/null # into the page cache
for type in "$@"; do
  /usr/bin/python3 - "$llorch" "$model" "$scratch/out.gguf" "$type" <<'PYTHON'
import json, os, resource, subprocess, sys
llorch, model, out, kind = sys.argv[1:]
report = json.loads(subprocess.run([llorch, "quantize", model, out, "--type", kind, "--json"], check=True, stdout=subprocess.PIPE).stdout)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
read, written, weights = os.path.getsize(model), os.path.getsize(out), os.path.getsize(model) / 2
print(f"{kind}: {report['seconds']:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU, peak {used.ru_maxrss / 1024:.0f} MiB, "
      f"{(read + written) / report['seconds'] / 1e9:.2f} GB/s read and written, {weights / report['seconds'] / 1e6:.0f} million weights/s")
PYTHON
done
rm -f "$scratch/out.gguf"
