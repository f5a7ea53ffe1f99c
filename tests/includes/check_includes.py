"""The direction of includes: every module of src/ sees only the modules before it, and hardware stays in its folder.

usage: check_includes.py SOURCE_ROOT     Exit 1 and a line for every include that breaks a rule. Before that it checks
itself on examples that must be refused. Standard library only."""
import pathlib
import re
import sys

# module: what it may include besides itself
ALLOWED = {
    "base": [],
    "quant": ["base"],
    "sampling": ["base"],
    "checkpoint": ["base", "quant"],
    "jinja": ["base"],
    "tokenizer": ["base", "quant", "checkpoint", "jinja"],
    "model": ["base", "quant", "checkpoint"],
    "convert": ["base", "quant", "checkpoint", "tokenizer", "model"],
    "backend": ["base", "quant", "checkpoint", "model", "sampling"],
    "engine": ["base", "quant", "checkpoint", "jinja", "model", "sampling", "tokenizer", "backend"],
    "server": ["base", "quant", "checkpoint", "jinja", "model", "sampling", "tokenizer", "backend", "engine"],
    "worker": ["base", "quant", "checkpoint", "jinja", "model", "sampling", "tokenizer", "backend", "engine", "server"],
    "cli": ["base", "quant", "checkpoint", "jinja", "model", "sampling", "tokenizer", "backend", "engine", "server", "worker",
            "convert"],
}
INTRINSICS = re.compile(r"^(\w*mmintrin|immintrin|x86intrin|arm_neon|arm_sve|cpuid)\.h$")
CUDA = re.compile(r"^(cuda\w*|cublas\w*|cub/.*|thrust/.*|nccl|nvtx3?/.*|cuda/.*|mma|cooperative_groups)(\.h|\.hpp|\.cuh)?$")
CURL_FILES = ("cli/http_client.cpp", "worker/callback.cpp")
ISA_FOLDERS = ("backend/avx2/", "backend/avx512/", "backend/neon/", "backend/roof/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
SUFFIXES = {".h", ".cpp", ".inc", ".cu", ".cuh"}


def faults_of(path, text):
    """What is wrong with the includes of src/`path`."""
    module = path.split("/")[0]
    faults = []
    if module not in ALLOWED:
        return [f"src/{path}: {module}/ is not a module that tests/includes knows"]
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name, where = match.group(1), f"src/{path}:{number}"
        target = name.split("/")[0]
        if ".." in name.split("/") or target == "bench" or name.startswith("src/"):
            faults.append(f"{where}: {name}: src/ includes by a path from src/, and never bench/")
        elif "/" in name and target in ALLOWED and target not in [module, *ALLOWED[module]]:
            faults.append(f"{where}: {name}: {module} may not see {target}")
        elif CUDA.match(name) and not path.startswith("backend/cuda/"):
            faults.append(f"{where}: {name}: only backend/cuda sees CUDA headers")
        elif INTRINSICS.match(name) and not path.startswith(ISA_FOLDERS):
            faults.append(f"{where}: {name}: only backend/<isa> sees intrinsics")
        elif target == "curl" and path not in CURL_FILES:
            faults.append(f"{where}: {name}: only {' and '.join(CURL_FILES)} see curl")
    return faults


def self_test():
    """Every rule must be able to fail."""
    bad = [
        ("base/a.h", '#include "engine/engine.h"'),
        ("tokenizer/a.cpp", '#include "model/spec.h"'),
        ("sampling/a.cpp", '#include "backend/batch.h"'),
        ("engine/a.cpp", '#  include "server/http.h"'),
        ("server/a.cpp", "#include <cuda_runtime.h>"),
        ("backend/avx2/a.cpp", '#include "cuda/atomic"'),
        ("backend/cpu/a.cpp", "#include <immintrin.h>"),
        ("engine/a.cpp", '#include "bench/ops/machine.h"'),
        ("engine/a.cpp", '#include "../bench/ops/machine.h"'),
        ("cli/a.cpp", "#include <curl/curl.h>"),
        ("elsewhere/a.cpp", ""),
    ]
    good = [
        ("server/a.cpp", '#include "engine/engine.h"\n#include <boost/asio/post.hpp>'),
        ("backend/cuda/a.cu", "#include <cuda_runtime.h>"),
        ("backend/avx512/a.cpp", "#include <immintrin.h>"),
        (CURL_FILES[0], "#include <curl/curl.h>"),
    ]
    for path, text in bad:
        assert faults_of(path, text), f"not refused: {path}: {text}"
    for path, text in good:
        assert not faults_of(path, text), f"refused: {path}: {text}"


def main():
    self_test()
    src = pathlib.Path(sys.argv[1]) / "src"
    files = [path for path in sorted(src.rglob("*")) if path.suffix in SUFFIXES]
    faults = []
    for path in files:
        faults += faults_of(str(path.relative_to(src)), path.read_text(encoding="utf-8"))
    print(f"{len(files)} files, {len(faults)} faults")
    print("\n".join(faults))
    return 1 if faults or len(files) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
