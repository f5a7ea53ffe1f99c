"""Runs every test of a build folder and sums them up: a line per test program, then what was not run and why, then counts.

usage: run_tests.py BUILD_FOLDER     Reads .llorch-test.toml (see .llorch-test.toml.example). Exit 1 when a test failed.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
KNOWN = {"backends": list, "cuda_device": int, "models": list, "benches": bool}


def read_config() -> dict:
    """The machine's wishes; unknown or mistyped keys end the run, so that a typing error is never silent."""
    path = ROOT / ".llorch-test.toml"
    if not path.exists():
        return {}
    config = tomllib.loads(path.read_text())
    for key, value in config.items():
        if key not in KNOWN or not isinstance(value, KNOWN[key]):
            sys.exit(f"{path.name}: {key} = {value!r}: unknown key or wrong type; known are {', '.join(KNOWN)}")
    return config


def gtest_counts(folder: pathlib.Path) -> tuple[int, int, int, list[str]]:
    """Passed, failed, skipped tests of all GoogleTest programs, and why each was skipped."""
    passed = failed = skipped = 0
    reasons = []
    for report in sorted(folder.glob("*.xml")):
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            if case.get("result") == "skipped":
                skipped += 1
                message = case.find("skipped")
                text = " ".join(message.get("message", "").split()) if message is not None else ""
                reasons.append(f"{case.get('classname')}.{case.get('name')}: {text}")
            elif case.find("failure") is not None:
                failed += 1
            elif case.get("status") == "run":
                passed += 1
    return passed, failed, skipped, reasons


def script_counts(junit: pathlib.Path, gtests: set[str]) -> tuple[int, int, int, list[str]]:
    """The same for tests that are scripts; each counts once. A GoogleTest program that died without a report is a failure."""
    passed = failed = skipped = 0
    reasons = []
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        output = case.findtext("system-out") or ""
        reasons += [f"{name}: {line.split('SKIPPED', 1)[1].lstrip(': ')}"
                    for line in output.splitlines() if line.startswith("SKIPPED")]
        if name in gtests:
            continue
        passed += status == "run"
        failed += status == "fail"
        skipped += status not in ("run", "fail")
    return passed, failed, skipped, reasons


def extra_models(build: pathlib.Path, models: list[str]) -> tuple[int, int]:
    """Each model of the machine's own must load and write 8 tokens."""
    passed = failed = 0
    for model in models:
        command = [build / "bin/llorch", "run", model, "Hello", "--raw", "--max-tokens", "8", "--temperature", "0", "--ignore-eos"]
        done = subprocess.run(command, capture_output=True, timeout=600)
        print(f"extra model {model}: {'ok' if done.returncode == 0 else done.stderr.decode(errors='replace').strip()}")
        passed += done.returncode == 0
        failed += done.returncode != 0
    return passed, failed


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    config = read_config()
    env = dict(os.environ)
    reasons = []
    if "backends" in config:
        env["LLORCH_TEST_BACKENDS"] = ",".join(config["backends"])
    env["LLORCH_TEST_CUDA_DEVICE"] = str(config.get("cuda_device", 0))
    if not env.get("LLORCH_TESTDATA"):
        reasons.append("LLORCH_TESTDATA is not set: tests on reference data outside of this repository are left out")
    with tempfile.TemporaryDirectory() as scratch:
        reports = pathlib.Path(scratch) / "gtest"
        junit = pathlib.Path(scratch) / "ctest.xml"
        env["GTEST_OUTPUT"] = f"xml:{reports}/"
        command = ["ctest", "--test-dir", build, "--parallel", "2", "--output-on-failure", "--output-junit", junit,
                   "--timeout", "1200"]
        code = subprocess.run(command, env=env).returncode
        unit = gtest_counts(reports)
        gtests = {report.stem for report in reports.glob("*.xml")}
        scripts = script_counts(junit, gtests)
    extra = extra_models(build, config.get("models", []))
    if config.get("benches"):
        code |= subprocess.run([ROOT / "bench/model.sh"]).returncode
    else:
        reasons.append("benches: not asked for (benches = true in .llorch-test.toml)")
    passed, failed = unit[0] + scripts[0] + extra[0], unit[1] + scripts[1] + extra[1]
    skipped = unit[2] + scripts[2]
    if code and not failed:
        failed = 1  # a program died before it could write its report
    print("\nNot run:")
    for reason in dict.fromkeys(reasons + unit[3] + scripts[3]):
        print(f"  {reason}")
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
