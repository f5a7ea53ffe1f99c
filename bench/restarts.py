#!/usr/bin/env python3
"""Workers that are ended at a bad moment, each followed at once by another on the same address.

usage: restarts.py [--count N] [--seed N] [--no-times]
Every combination of an address (TCP, Unix socket), a signal (SIGTERM, SIGKILL) and a moment (loading, its ready callback
unanswered, idle, prefilling, streaming) in turn, in random order. SIGTERM must end the worker with code 0 within the
drain timeout and a second, and no answer that had begun may be cut off; the next worker must bind, become healthy and
answer. Exit 1 when one did not. --no-times leaves out how long an end may take. LLORCH_WORKER is the daemon."""
import argparse
import collections
import concurrent.futures
import itertools
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/support"))
import worker as support

DRAIN_S = 2
GRACE_S = 1
CLIENTS = 8
PORTS = (20000, 32000)  # below those that the kernel gives to outgoing connections
MOMENTS = ("loading", "calling back", "idle", "prefilling", "streaming")
SIGNALS = (signal.SIGTERM, signal.SIGKILL)
OPTIONS = (*support.HAIKU, "--drain-timeout", DRAIN_S, "--max-sequences", CLIENTS, "--log-level", "error")
LONG_PROMPT = "the moon over a silent river " * 60


def free_port(rng):
    for _ in range(1000):
        port = rng.randrange(*PORTS)
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("no free port")


def ask(worker, i, prefilling):
    """One client's stream; how it ended. 'refused' when the worker took no more work."""
    body = support.long_answer(f"restart-{i}", i)
    if prefilling:
        body = {"job_id": f"restart-{i}", "prompt": LONG_PROMPT, "seed": i}
    stream = None
    try:
        with support.Stream(worker, body, timeout=30) as stream:
            stream.read_all()
    except OSError:
        pass
    if stream is None or stream.status is None or (stream.status == 503 and stream.outcome() == "DRAINING"):
        return "refused"
    return stream.outcome()


class Restarts:
    def __init__(self, rng, addresses, check_times):
        self.rng = rng
        self.addresses = addresses  # options, by name
        self.check_times = check_times
        self.faults = []
        self.healthy_s = []
        self.rows = collections.defaultdict(list)  # seconds to the end, by case

    def start(self, address, *more):
        begin = time.monotonic()
        return support.Worker(*OPTIONS, *self.addresses[address], *more), begin

    def one(self, address, number, moment):
        """One worker that is ended, and the one after it."""
        case = f"{address}, {number.name}, {moment}"
        with socket.create_server(("127.0.0.1", 0)) as silent, concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            worker, begin = self.start(address, *(("--callback-url", url) if moment == "calling back" else ()))
            with worker:
                clients = self.reach(worker, moment, pool)
                elapsed = self.end(case, worker, number)
                outcomes = [client.result(support.PATIENCE) for client in clients]
        if number == signal.SIGTERM and "cut" in outcomes:
            self.faults.append(f"{case}: answers were cut off: {outcomes}")
        self.rows[case].append(elapsed)
        self.follow(case, address)

    def reach(self, worker, moment, pool):
        """Brings the worker to that moment; the clients that then wait for an answer."""
        if moment in ("loading", "calling back"):
            time.sleep(self.rng.uniform(0, 0.005 if moment == "loading" else 0.1))
            return []
        worker.wait_ready()
        if moment == "idle":
            time.sleep(self.rng.uniform(0, 0.05))
            return []
        clients = [pool.submit(ask, worker, i, moment == "prefilling") for i in range(CLIENTS - 1)]
        if moment == "streaming":
            with support.Stream(worker, support.long_answer("restart-watched")) as watched:
                watched.read_token()
                time.sleep(self.rng.uniform(0, 0.05))
        else:
            time.sleep(self.rng.uniform(0, 0.1))
        return clients

    def end(self, case, worker, number):
        """Sends the signal; seconds until the process has ended."""
        begin = time.monotonic()
        worker.signal(number)
        code = worker.wait_exit()
        elapsed = time.monotonic() - begin
        expected = 0 if number == signal.SIGTERM else -signal.SIGKILL
        if code != expected:
            self.faults.append(f"{case}: exit code {code}, not {expected}: {worker.errors()[-500:]}")
        if self.check_times and number == signal.SIGTERM and elapsed > DRAIN_S + GRACE_S:
            self.faults.append(f"{case}: ended after {elapsed:.2f} s, the drain timeout is {DRAIN_S} s")
        return elapsed

    def follow(self, case, address):
        try:
            worker, begin = self.start(address)
            with worker:
                worker.wait_ready()
                self.healthy_s.append(time.monotonic() - begin)
                with support.Stream(worker, support.long_answer("after")) as stream:
                    stream.read_all()
                    if stream.outcome() != "CONTEXT":
                        self.faults.append(f"after {case}: an answer ended with {stream.outcome()}")
                if worker.stop() != 0:
                    self.faults.append(f"after {case}: an idle worker ended with {worker.process.returncode}")
        except (RuntimeError, OSError) as error:
            self.faults.append(f"after {case}: {error}")

    def print_table(self):
        print(f"{'address, signal, moment':40} {'runs':>5} {'slowest end, s':>15}")
        for case in sorted(self.rows):
            print(f"{case:40} {len(self.rows[case]):5} {max(self.rows[case]):15.3f}")
        times = sorted(self.healthy_s) or [float("nan")]
        print(f"\nthe next worker was healthy after {times[len(times) // 2]:.3f} s (median), {times[-1]:.3f} s (slowest)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-times", action="store_true")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        addresses = {"tcp": ("--port", free_port(rng)), "unix": ("--host", f"unix:{folder}/worker.sock")}
        restarts = Restarts(rng, addresses, not args.no_times)
        cases = list(itertools.product(addresses, SIGNALS, MOMENTS))
        plan = [cases[i % len(cases)] for i in range(args.count)]
        rng.shuffle(plan)
        for case in plan:
            try:
                restarts.one(*case)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                restarts.faults.append(f"{case}: {error}")
    restarts.print_table()
    for fault in restarts.faults:
        print(f"FAULT: {fault}")
    print(f"\n{args.count} restarts, {len(restarts.faults)} faults")
    return 1 if restarts.faults else 0


if __name__ == "__main__":
    sys.exit(main())
