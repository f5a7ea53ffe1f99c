#!/usr/bin/env bash
# From a fresh checkout to the first tokens: packages, build, worker, one prompt. Then serves until Ctrl-C.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
. scripts/setup.sh

usage() {
  cat <<'TEXT'
run.sh [--once] [--model PATH] [--prompt TEXT]
Installs the missing packages of packages.txt, builds llorch, starts a worker and shows one answer.
  --model PATH    a .gguf file or a directory with SafeTensors (default: builtin:haiku, the embedded model)
  --prompt TEXT   what to ask (default: a haiku about GPU computing; for models without chat: "Once upon a time")
  --once          stop after the answer instead of serving until Ctrl-C
  --help          this text
TEXT
}

model=builtin:haiku
prompt=
once=no
while [ $# -gt 0 ]; do
  case $1 in
    --model | --prompt)
      [ $# -ge 2 ] && [ -n "$2" ] || { echo "run.sh: $1 needs a value" >&2; exit 2; }
      [ "$1" = --model ] && model=$2 || prompt=$2
      shift ;;
    --once) once=yes ;;
    --help | -h) usage; exit 0 ;;
    *) echo "run.sh: unknown option '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

work=$(mktemp -d)
daemon=
clean_up() {
  trap - EXIT INT TERM
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'echo; exit 130' INT
trap 'exit 143' TERM

# The worker has ended: its log says why.
daemon_failed() {
  wait "$daemon"
  local code=$?
  daemon=
  cat "$work/stderr" >&2
  [ "$code" != 0 ] || code=1
  exit "$code"
}

start_daemon() {
  echo "worker: build/release/bin/llorch-cpu-candled --model $model --port 0"
  mkfifo "$work/stdout"
  build/release/bin/llorch-cpu-candled --model "$model" --port 0 --log-format text \
    >"$work/stdout" 2>"$work/stderr" &
  daemon=$!
  exec 3<"$work/stdout"
  local line
  IFS= read -r line <&3 || daemon_failed
  uri=${line#llorch: listening on }
  echo "worker: $uri, loading"
  while ! curl -fsS -o "$work/health" "$uri/health" 2>/dev/null; do
    kill -0 "$daemon" 2>/dev/null || daemon_failed
    sleep 0.05
  done
}

# A number of the worker's /health.
health_number() {
  sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$work/health"
}

# One greedy answer, so that two runs say the same. Without chat the text goes on from the prompt, which is shown first.
ask_once() {
  local options=(--temperature 0 --timeout 300 --print-curl "$work/curl") room
  echo
  if grep -q '"chat":true' "$work/health"; then
    prompt=${prompt:-Write a haiku about GPU computing}
  else
    prompt=${prompt:-Once upon a time}
    room=$(($(health_number context_length) / 2))
    options+=(--max-tokens $((room < 200 ? room : 200)))
    printf %s "$prompt"
  fi
  build/release/bin/llorch ask "$uri" "${options[@]}" -- "$prompt"
}

install_packages
build_preset release -DLLORCH_TESTS=OFF
start_daemon
ask_once || {
  cat "$work/stderr" >&2
  exit 1
}
[ "$once" = no ] || exit 0

trap 'echo; exit 0' INT TERM  # the end that the next line speaks of
printf '\nThe worker serves at %s until Ctrl-C. Ask it:\n  ' "$uri"
cat "$work/curl"
daemon_failed
