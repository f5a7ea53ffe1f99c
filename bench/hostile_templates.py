#!/usr/bin/env python3
"""What templates without end cost until they are stopped: time and memory of each case of tests/data/templates/hostile.jsonl.

usage: bench/hostile_templates.py [LLORCH]      Standard library only. Each case runs in a process of its own, beside one
that renders nothing, whose time and memory are taken off."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LLORCH = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/bin/llorch")
GOALS = {"ms": 100, "MiB": 32}


def run(path):
    """(ms, MiB) of rendering the template in `path`."""
    begin = time.perf_counter()
    child = subprocess.Popen([LLORCH, "render", path, "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    child.stdin.write(b"{}\n")
    child.stdin.close()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{path}: ended with status {status}")
    return 1000 * (time.perf_counter() - begin), usage.ru_maxrss / 1024, 1000 * (usage.ru_utime + usage.ru_stime)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.jinja")
        pathlib.Path(path).write_text("x")
        empty = [run(path) for _ in range(5)]
        base_mib, base_ms = min(e[1] for e in empty), min(e[2] for e in empty)
        rows = []
        for line in (ROOT / "tests/data/templates/hostile.jsonl").read_text().splitlines():
            case = json.loads(line)
            source = case.get("template") or "".join(text * n for text, n in case["parts"])
            pathlib.Path(path).write_text(source)
            best = min((run(path) for _ in range(3)), key=lambda r: r[2])
            rows.append((best[2] - base_ms, best[1] - base_mib, source[:70].replace("\n", "\\n")))
    rows.sort(reverse=True)
    print(f"{len(rows)} templates; CPU time and peak memory above a template that prints 'x' ({base_ms:.1f} ms, {base_mib:.1f} MiB)")
    print("| CPU ms | MiB | template |\n|---|---|---|")
    for ms, mib, source in rows[:8]:
        print(f"| {ms:.1f} | {mib:.1f} | `{source}` |")
    worst_ms, worst_mib = max(r[0] for r in rows), max(r[1] for r in rows)
    print(f"worst: {worst_ms:.1f} ms (goal {GOALS['ms']}), {worst_mib:.1f} MiB (goal {GOALS['MiB']})")


if __name__ == "__main__":
    main()
