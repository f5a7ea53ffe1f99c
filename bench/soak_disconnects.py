#!/usr/bin/env python3
"""Clients that leave in every way, and jobs that are cancelled at any moment, against a worker of its own.

usage: soak_disconnects.py [--count N] [--clients N] [--seed N] [--limit-ms N] [--rss-mb N]
Measures the time from POST /cancel to the end of the stream. Afterwards nothing may be left: no request, no KV block,
no descriptor, no thread, no memory beyond --rss-mb. Exit 1 when something is, when an answer ended as it must not, or
when p99 is over --limit-ms (0: no limit). LLORCH_WORKER is the daemon."""
import argparse
import collections
import concurrent.futures
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/support"))
import worker as support

NATURAL = {"EOS", "CONTEXT", "MAX_TOKENS"}
FORMATS = ("text/event-stream", "application/x-ndjson", "single")
WHOLE_SEEDS = range(4)
TOTAL_S = 1800
MAX_SHOWN = 10
KV_USED = 'worker_kv_blocks{state="used"}'
IDLE = ("worker_requests_running", "worker_requests_waiting", KV_USED)


class Soak:
    def __init__(self, worker, texts):
        self.worker = worker
        self.texts = texts  # of an undisturbed answer, by seed
        self.end = time.monotonic() + TOTAL_S

    def open(self, rng, job_id, seed=None, **more):
        body = support.long_answer(job_id, rng.randrange(1 << 32) if seed is None else seed)
        accept = rng.choice(FORMATS)
        if accept == "single":
            body["stream"] = False
        return support.Stream(self.worker, body, accept, **more)

    def cancel(self, job_id, expected=("cancelled", "unknown")):
        answer = self.worker.post("/cancel", {"job_id": job_id})
        if answer.status != 202 or answer.json().get("job_id") != job_id or answer.json().get("status") not in expected:
            raise AssertionError(f"POST /cancel: {answer.status} {answer.body!r}")

    # Each scenario returns how the answer ended ('left': its client did not wait for that) and, where a cancel was sent
    # to a job under way, the milliseconds from there to the end of the stream.

    def close_mid_request(self, rng, job_id):
        with self.open(rng, job_id, send=False) as stream:
            stream.sock.sendall(stream.request[: rng.randrange(1, len(stream.request))])
        return "left", None

    def close_before_reading(self, rng, job_id):
        with self.open(rng, job_id):
            return "left", None

    def close_after_first_token(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            stream.read_token()
        return "left", None

    def close_at_random(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            stream.read_for(rng.uniform(0, 0.2))
        return "left", None

    def reset_at_random(self, rng, job_id):
        stream = self.open(rng, job_id)
        stream.read_for(rng.uniform(0, 0.2))
        stream.reset()
        return "left", None

    def half_close_at_once(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            stream.half_close()
            stream.read_all()
            return self.ended(stream, NATURAL | {"CANCELLED", "cut"}), None

    def half_close_while_streaming(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            is_single = '"stream": false' in stream.request.decode()
            if is_single:
                stream.read_for(rng.uniform(0, 0.1))
            else:
                stream.read_token()
            stream.half_close()
            stream.read_all()
            return self.ended(stream, NATURAL | {"CANCELLED"} | ({"cut"} if is_single else set())), None

    def cancel_before_first_token(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            stream.read_for(rng.uniform(0, 0.01))
            return self.cancel_and_read(stream, job_id)

    def cancel_while_streaming(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            stream.read_for(rng.uniform(0, 0.1)) if rng.random() < 0.5 else stream.read_event()
            return self.cancel_and_read(stream, job_id)

    def cancel_twice(self, rng, job_id):
        with self.open(rng, job_id) as stream:
            stream.read_for(rng.uniform(0, 0.05))
            return self.cancel_and_read(stream, job_id, times=2)

    def cancel_unknown(self, rng, job_id):
        self.cancel(f"{job_id}-unknown", ("unknown",))
        return self.whole(rng, job_id)

    def whole(self, rng, job_id):
        seed = rng.choice(WHOLE_SEEDS)
        with self.open(rng, job_id, seed) as stream:
            text = text_of(stream)
            if text != self.texts[seed]:
                raise AssertionError(f"seed {seed}: an undisturbed answer is not the one from before ({stream.outcome()})")
            return self.ended(stream, NATURAL), None

    SCENARIOS = (close_mid_request, close_before_reading, close_after_first_token, close_at_random, reset_at_random,
                 half_close_at_once, half_close_while_streaming, cancel_before_first_token, cancel_while_streaming,
                 cancel_twice, cancel_unknown, whole)

    def ended(self, stream, allowed):
        if stream.outcome() not in allowed:
            raise AssertionError(f"ended with {stream.outcome()}: {stream.events[-1:]}")
        return stream.outcome()

    def cancel_and_read(self, stream, job_id, times=1):
        under_way = not stream.complete
        begin = time.monotonic()
        for _ in range(times):
            self.cancel(job_id)
        stream.read_all()
        elapsed_ms = (time.monotonic() - begin) * 1000
        outcome = self.ended(stream, NATURAL | {"CANCELLED"})
        return outcome, elapsed_ms if under_way and outcome == "CANCELLED" else None

    def run(self, numbered):
        """(scenario's name, outcome, milliseconds, fault)"""
        i, (scenario, seed) = numbered
        name = scenario.__name__.replace("_", " ")
        if time.monotonic() > self.end:
            return name, "not run", None, f"the soak took more than {TOTAL_S} s"
        try:
            return name, *scenario(self, random.Random(seed), f"soak-{i}-{seed}"), None
        except Exception as error:  # any fault is a finding, and the soak goes on
            return name, "fault", None, f"{name}: {type(error).__name__}: {error}"


def text_of(stream):
    stream.read_all()
    return "".join(event.get("t", "") or event.get("text", "") for event in stream.events)


def undisturbed(worker, seed):
    with support.Stream(worker, support.long_answer("undisturbed", seed)) as stream:
        return text_of(stream)


def plan_of(rng, count):
    """Every scenario equally often, in random order, each with a seed of its own."""
    plan = [Soak.SCENARIOS[i % len(Soak.SCENARIOS)] for i in range(count)]
    rng.shuffle(plan)
    return [(scenario, rng.randrange(1 << 32)) for scenario in plan]


def footprint(pid):
    proc = pathlib.Path(f"/proc/{pid}")
    rss = next(int(line.split()[1]) for line in (proc / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return {"descriptors": len(list((proc / "fd").iterdir())), "threads": len(list((proc / "task").iterdir())), "RSS KiB": rss}


def settle(worker):
    """Waits until no request is left and no connection but the one that asks; what is then still there."""
    def is_idle():
        metrics = worker.metrics()
        return all(metrics[name] == 0 for name in IDLE)

    try:
        support.wait_until(is_idle, "an idle worker", 30)
    except TimeoutError:
        pass
    metrics = worker.metrics()
    return {name: metrics[name] for name in IDLE}


def settled_footprint(worker):
    """The footprint once descriptors of closed connections have gone: after a second in which their count did not fall."""
    now, quiet_since, end = footprint(worker.pid), time.monotonic(), time.monotonic() + 30
    while time.monotonic() < min(quiet_since + 1, end):
        time.sleep(0.05)
        before, now = now, footprint(worker.pid)
        if now["descriptors"] < before["descriptors"]:
            quiet_since = time.monotonic()
    return now


def print_scenarios(results):
    outcomes = collections.defaultdict(collections.Counter)
    for name, outcome, _, _ in results:
        outcomes[name][outcome] += 1
    for name in sorted(outcomes):
        counts = ", ".join(f"{outcome} {n}" for outcome, n in sorted(outcomes[name].items()))
        print(f"{name:28} {sum(outcomes[name].values()):5}  {counts}")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def check_cancels(results, limit_ms):
    times = [elapsed for _, _, elapsed, _ in results if elapsed is not None]
    if not times:
        return ["no cancel ended a stream"]
    p99 = percentile(times, 0.99)
    print(f"\nPOST /cancel to the end of the stream: {len(times)} times, p50 {percentile(times, 0.5):.1f} ms, p99 {p99:.1f} ms, "
          f"max {max(times):.1f} ms (contract: 100 ms)")
    return [f"p99 is {p99:.1f} ms, the limit {limit_ms} ms"] if limit_ms and p99 > limit_ms else []


def check_left(before, after, left, rss_mb):
    faults = [f"{name} is {value:g}, not 0" for name, value in left.items() if value != 0]
    print(f"\n{'':28} warm-up  afterwards")
    for name, value in before.items():
        print(f"{name:28} {value:7}  {after[name]:10}")
    for name, value in left.items():
        print(f"{name:28}          {value:10g}")
    faults += [f"{name}: {before[name]} after the warm-up, {after[name]} at the end"
               for name in ("descriptors", "threads") if after[name] > before[name]]
    if rss_mb and after["RSS KiB"] - before["RSS KiB"] > rss_mb * 1024:
        faults.append(f"RSS grew by {(after['RSS KiB'] - before['RSS KiB']) // 1024} MiB, more than {rss_mb}")
    return faults


def soak(args):
    rng = random.Random(args.seed)
    options = (*support.HAIKU, "--max-sequences", "4", "--max-queue", "1000", "--log-level", "error")
    with support.Worker(*options) as worker, concurrent.futures.ThreadPoolExecutor(args.clients) as pool:
        worker.wait_ready()
        texts = {seed: undisturbed(worker, seed) for seed in WHOLE_SEEDS}
        runner = Soak(worker, texts)
        warm_up = list(pool.map(runner.run, enumerate(plan_of(rng, 2 * max(args.clients, len(Soak.SCENARIOS))))))
        settle(worker)
        before = settled_footprint(worker)
        begin = time.monotonic()
        results = list(pool.map(runner.run, enumerate(plan_of(rng, args.count))))
        print(f"{args.count} requests by {args.clients} clients in {time.monotonic() - begin:.1f} s\n")
        left = settle(worker)
        after = settled_footprint(worker)
        print_scenarios(results)
        faults = [fault for *_, fault in warm_up + results if fault]
        faults += check_cancels(results, args.limit_ms) + check_left(before, after, left, args.rss_mb)
        if worker.process.poll() is not None or worker.stop() != 0:
            faults.append(f"the worker ended with {worker.process.returncode}: {worker.errors()[-2000:]}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-ms", type=float, default=100)
    parser.add_argument("--rss-mb", type=int, default=32, help="MiB that RSS may grow by; 0: any")
    faults = soak(parser.parse_args())
    for fault in faults[:MAX_SHOWN]:
        print(f"FAULT: {fault}")
    print(f"\n{len(faults)} faults" if faults else "\nnothing is left over")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
