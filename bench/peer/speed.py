#!/usr/bin/env python3
"""The measuring half of bench/peer.sh: runs both programs in turn and prints medians and ratios."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
AMX_BUILD = "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-cpu-sapphirerapids.so"


def output(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def llorch(args, model, threads):
    return json.loads(output([os.environ["LLORCH_BIN"], "bench", model, "--json", "-r", "1", "-p", str(args.prompt), "-n",
                              str(args.decode), "--threads", str(threads), "--context", str(args.prompt + args.decode + 64),
                              "--roof-mb", "512"]))


def peer(args, model, threads):
    ask = {"model": str(pathlib.Path(model).resolve()), "prompt": args.prompt, "decode": args.decode, "threads": threads,
           "dir": os.environ["LLORCH_PEER_DIR"]}
    return json.loads(output(["node", HERE / "speed.mjs", json.dumps(ask)]).strip().splitlines()[-1])


def without_amx(directory):
    """Moves the build for processors with AMX aside; the loader then takes the next best."""
    build = pathlib.Path(directory) / AMX_BUILD
    if build.exists():
        build.rename(build.with_suffix(".so.aside"))


def with_amx(directory):
    aside = (pathlib.Path(directory) / AMX_BUILD).with_suffix(".so.aside")
    if aside.exists():
        aside.rename(aside.with_suffix(""))


def compare(args, model):
    ours, theirs = [], []
    threads = args.threads
    for _ in range(args.pairs):
        ours.append(llorch(args, model, threads))
        threads = ours[0]["threads"]  # llama.cpp takes one thread for a small model unless it is told
        theirs.append(peer(args, model, threads))
    roof = {key: statistics.median(run[key] for run in ours)
            for key in ("roof_read_gb_per_sec", "roof_int8_tops", "roof_f32_tflops")}
    print(f"{pathlib.Path(model).name}, {args.pairs} pairs, {threads} threads; roof: read {roof['roof_read_gb_per_sec']:.1f} GB/s, "
          f"int8 {roof['roof_int8_tops']:.2f} Top/s, f32 {roof['roof_f32_tflops']:.2f} Tflop/s")
    for what, n, mine, key in (("prefill", args.prompt, "prefill_tokens_per_sec", "prefill_per_sec"),
                               ("decode", args.decode, "decode_tokens_per_sec", "decode_per_sec")):
        a = [run[mine] for run in ours]
        b = [run[key] for run in theirs]
        ratios = [x / y for x, y in zip(a, b)]
        print(f"  {what:<8}{n:>6} tokens  llorch {statistics.median(a):9.2f}  llama.cpp {statistics.median(b):9.2f} tokens/s  "
              f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("-p", "--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("-n", "--decode", type=int, default=32, help="tokens decoded after it")
    parser.add_argument("--threads", type=int, default=0, help="of both; 0: what llorch takes")
    parser.add_argument("--no-amx", action="store_true", help="llama.cpp without its AMX build")
    args = parser.parse_args()
    directory = os.environ["LLORCH_PEER_DIR"]
    with_amx(directory)
    if args.no_amx:
        without_amx(directory)
    try:
        for model in args.models:
            compare(args, model)
    finally:
        with_amx(directory)


if __name__ == "__main__":
    main()
