"""What the tests that drive `llorch` share: running it, its devices, floats from files, and loud skips.

LLORCH_BIN is the tool; LLORCH_TESTDATA (optional) a folder with reference data that is not part of the source."""
import array
import functools
import json
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("LLORCH_BIN", str(ROOT / "build/release/bin/llorch"))
NOTHING_TO_COMPARE = 77
HOST_DEVICES = ["ref", "cpu:avx2", "cpu:avx512", "blas"]


def run(*args, stdin=b"", timeout=300):
    """The finished process; stdout and stderr are bytes."""
    command = [BIN, *map(str, args)]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False)


def output(*args, stdin=b""):
    """Standard output of a run that must succeed."""
    done = run(*args, stdin=stdin)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def skip(what, why):
    print(f"SKIPPED: {what}: {why}", file=sys.stderr, flush=True)


def wanted(device):
    """Whether .llorch-test.toml (through LLORCH_TEST_BACKENDS) asks for this device; without it every one is wanted."""
    asked = os.environ.get("LLORCH_TEST_BACKENDS")
    backend = "cpu" if device == "ref" else device.split(":")[0]
    if asked is not None and backend not in asked.split(","):
        skip(device, ".llorch-test.toml does not name its backend")
        return False
    return True


@functools.lru_cache(maxsize=None)
def devices():
    """Devices that this build has and this machine can run; the host's others are skipped by name."""
    known = {d["name"]: d for d in json.loads(output("devices", "--json"))}
    for name in HOST_DEVICES:
        if name not in known:
            skip(name, "not in this build")
        elif not known[name]["available"]:
            skip(name, known[name]["verify"])
    return [name for name, d in known.items() if d["available"] and name != "cpu" and wanted(name)]


def testdata(name):
    """A folder of the reference data, or None after a loud skip."""
    base = os.environ.get("LLORCH_TESTDATA")
    if not base:
        skip(name, "LLORCH_TESTDATA is not set")
        return None
    folder = pathlib.Path(base) / name
    if not folder.is_dir():
        skip(name, f"{folder} does not exist")
        return None
    return folder


def floats(data):
    values = array.array("f")
    values.frombytes(data)
    return values


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def comma(ids):
    return ",".join(map(str, ids))


def main():
    """Runs the caller's tests; exit 77 when all of them were skipped."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    for test, why in result.skipped:
        skip(test.id(), why)
    if not result.wasSuccessful():
        sys.exit(1)
    n_skipped = sum(isinstance(test, unittest.TestCase) for test, _ in result.skipped)  # not whole classes
    sys.exit(NOTHING_TO_COMPARE if result.testsRun == n_skipped else 0)
