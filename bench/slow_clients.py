#!/usr/bin/env python3
"""Slow clients by the hundred (slowhttptest), and what a well-behaved one notices of them.

usage: slow_clients.py [--connections N] [--seconds N] [--rounds N] [-- OPTIONS OF THE WORKER]
For slow headers (-H), slow bodies (-B) and slow readers (-X): a stream of long answers without the attack and with it, in
turn. Prints tokens per second of both and their ratio, and how long GET /health took during the attack, every 20 ms on
one connection. Goals: ratio at least 0.95, p99 of /health under 10 ms; exit 1 when one is missed. slowhttptest runs with
nice 19 and its processor time is shown: an attacker on another machine would take none. On a machine that is busy with
other things, `chrt -f 1 bench/slow_clients.py` keeps those out of the numbers. Needs Debian's package slowhttptest.
LLORCH_WORKER is the daemon; it runs with --threads 1."""
import argparse
import contextlib
import functools
import multiprocessing
import pathlib
import queue
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/support"))
import worker as support

ATTACKS = {
    "slow headers": ("/execute", ["-H", "-t", "POST", "-i", "5"]),
    "slow bodies": ("/execute", ["-B", "-i", "5", "-s", "8192", "-x", "10", "-f", "application/json"]),
    "slow readers": ("/metrics", ["-X", "-k", "10", "-n", "1", "-z", "5", "-w", "10", "-y", "20"]),
}
PROBE_S = 0.02
RAMP_S = 2  # until all connections of an attack are there
GOAL_RATIO = 0.95
GOAL_MS = 10
HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def read_answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(4096) or b"\r\n\r\n"
    head, body = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"Content-Length: (\d+)", head)
    if not head.startswith(b"HTTP/1.1 200 ") or not length:
        raise RuntimeError(f"GET /health: {head!r}")
    while len(body) < int(length[1]):
        body += sock.recv(4096)


def quietly(client):
    """A client in a process of its own whose worker breaks off says so in one line."""
    @functools.wraps(client)
    def wrapped(*args):
        try:
            client(*args)
        except (OSError, KeyError, RuntimeError) as error:
            sys.exit(f"{client.__name__}: {type(error).__name__}: {error}")

    return wrapped


@quietly
def probe(uri, seconds, results):
    """Milliseconds of GET /health on one connection, every PROBE_S."""
    times = []
    end = time.monotonic() + seconds
    with support.Endpoint(uri).connect(30) as sock:
        while (begin := time.monotonic()) < end:
            sock.sendall(HEALTH)
            read_answer(sock)
            times.append((time.monotonic() - begin) * 1000)
            time.sleep(max(0, begin + PROBE_S - time.monotonic()))
    results.put(("probe", times))


@quietly
def stream(uri, seconds, results):
    """Tokens per second of one client that asks for long answers, one after the other."""
    endpoint = support.Endpoint(uri)
    begin = time.monotonic()
    n_tokens = n_answers = 0
    while time.monotonic() - begin < seconds:
        with support.Stream(endpoint, support.long_answer(f"stream-{n_answers}", n_answers % 16)) as answer:
            n_tokens += answer.read_all()[-1]["tokens_out"]
        n_answers += 1
    results.put(("stream", n_tokens / (time.monotonic() - begin)))


def measure(uri, seconds):
    """Probe and stream, each in a process of its own, so that neither waits for the other; (milliseconds, tokens/s)."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=target, args=(uri, seconds, results)) for target in (probe, stream)]
    for process in processes:
        process.start()
    values = {}
    try:
        end = time.monotonic() + seconds + 60
        while len(values) < len(processes):
            if any(process.exitcode for process in processes) or time.monotonic() > end:
                raise RuntimeError("a client lost its worker, or waited too long")
            with contextlib.suppress(queue.Empty):
                values.update([results.get(timeout=1)])
    finally:
        for process in processes:
            process.kill()
            process.join()
    return values["probe"], values["stream"]


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Attack:
    """slowhttptest, from when all its connections are there until it is killed."""

    def __init__(self, name, uri, connections, seconds):
        route, options = ATTACKS[name]
        command = ["chrt", "-o", "0", "nice", "-n", "19", "slowhttptest", *options, "-c", str(connections), "-r", str(connections // RAMP_S + 1),
                   "-l", str(seconds + 2 * RAMP_S), "-p", "5", "-v", "1", "-u", uri + route]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        time.sleep(RAMP_S)

    def end(self, seconds):
        """The most connections that were open at once, and the processor time that slowhttptest took."""
        before = cpu_of_children()
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        counts = [int(n) for n in re.findall(r"connected:\D*?(\d+)\n", re.sub(r"\x1b\[[0-9;]*m", "", output))]
        if not counts or max(counts) == 0:
            raise RuntimeError(f"slowhttptest opened no connection: {output[-500:]}")
        return max(counts), cpu_of_children() - before


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def run_attack(name, uri, args):
    """Prints a row; the goals that were missed."""
    alone, attacked, times, held = [], [], [], []
    for _ in range(args.rounds):
        alone.append(measure(uri, args.seconds)[1])
        attack = Attack(name, uri, args.connections, args.seconds)
        try:
            probed, rate = measure(uri, args.seconds)
        finally:
            held.append(attack.end(3 * RAMP_S))
        times += probed
        attacked.append(rate)
    ratio = statistics.median(attacked) / statistics.median(alone)
    p99 = percentile(times, 0.99)
    print(f"{name:13} {min(n for n, _ in held):11} {statistics.median(cpu for _, cpu in held):7.1f} {statistics.median(alone):10.0f} {statistics.median(attacked):12.0f} {ratio:6.3f}"
          f"   {percentile(times, 0.5):6.2f} {p99:6.2f} {max(times):6.2f}", flush=True)
    missed = [f"{name}: ratio {ratio:.3f}, the goal is {GOAL_RATIO}"] if ratio < GOAL_RATIO else []
    return missed + ([f"{name}: p99 of /health {p99:.2f} ms, the goal is {GOAL_MS} ms"] if p99 >= GOAL_MS else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("worker", nargs="*", help="options of the worker, behind --")
    args = parser.parse_args()
    if not shutil.which("slowhttptest"):
        print("slow_clients.py: slowhttptest is missing; apt-get install slowhttptest", file=sys.stderr)
        return 2
    missed = []
    print(f"{'':13} {'most':>11} {'its':>7} {'tokens/s':>10} {'tokens/s':>12} {'':6}   {'/health, ms':>20}")
    print(f"{'attack':13} {'connections':>11} {'CPU, s':>7} {'alone':>10} {'attacked':>12} {'ratio':>6}   {'p50':>6} {'p99':>6} {'max':>6}")
    for name in ATTACKS:
        try:
            with support.Worker(*support.HAIKU, "--log-level", "error", *args.worker) as worker:
                worker.wait_ready()
                measure(worker.uri, 2)
                missed += run_attack(name, worker.uri, args)
        except RuntimeError as error:
            missed.append(f"{name}: {error}")
    for goal in missed:
        print(f"MISSED: {goal}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
