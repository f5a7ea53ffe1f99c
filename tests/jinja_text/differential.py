"""llorch's str methods, formats, repr, JSON and strftime against CPython's, on random calls.

usage: differential.py JINJA_TEXT_CALLS [COUNT [SEED]]      Exit 1 and the first differences when there are any.

Both must give the same value, or both must fail; kinds and words of errors are counted, and shown with --words.
Calls are judged as a template would make them: '{}'.format goes through Jinja's sandbox."""
import collections
import datetime
import json
import math
import resource
import subprocess
import sys
import warnings

import calls

try:
    import jinja2
    import jinja2.sandbox
except ImportError:
    print("skipped: needs python3-jinja2")
    sys.exit(77)

ENV = jinja2.sandbox.ImmutableSandboxedEnvironment()
MEMORY_BYTES = 1 << 30  # a width of 10**12 is a MemoryError then, and no end of the machine
UNDEFINED = jinja2.Undefined(name="x")
# llorch knows four kinds of failure where Python has classes.
KINDS = {"KeyError": "ValueError", "IndexError": "ValueError", "OverflowError": "ValueError", "AttributeError": "ValueError",
         "JSONDecodeError": "ValueError", "UnicodeEncodeError": "ValueError", "RecursionError": "BudgetError",
         "MemoryError": "BudgetError"}


def packed(value):
    """A value as text_calls.cpp reads it."""
    if isinstance(value, jinja2.Undefined):
        return {"$": "undefined"}
    if isinstance(value, tuple):
        return {"$": "tuple", "v": [packed(v) for v in value]}
    if isinstance(value, list):
        return [packed(v) for v in value]
    if isinstance(value, range):
        return {"$": "range", "v": [value.start, value.stop, value.step]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$": "float", "v": repr(value)}
    if isinstance(value, dict):
        return {"$": "dict", "v": [[packed(k), packed(v)] for k, v in value.items()]}
    for name, kind in (("keys", type({}.keys())), ("values", type({}.values())), ("items", type({}.items()))):
        if isinstance(value, kind):
            return {"$": name, "v": packed(dict(value.mapping))}
    return value


def line_of(call):
    line = dict(call, marked=calls.only_moves(call))
    for key in ("self", "arg", "indent"):
        if key in line:
            line[key] = packed(line[key])
    line["args"] = [packed(v) for v in call.get("args", [])]
    line["kw"] = {k: packed(v) for k, v in call.get("kw", {}).items()}
    return json.dumps(line)


def run(call):
    this, what = call["self"], call["do"]
    if what == "method":
        method = getattr(this, call["name"])
        return (ENV.wrap_str_format(method) or method)(*call.get("args", []), **call.get("kw", {}))
    if what == "percent":
        return this % call["arg"]
    if what == "value":
        return format(this, call["spec"])
    if what == "repr":
        return repr(this)
    if what == "str":
        return str(this)
    if what == "dumps":
        options = {k: call[k] for k in ("indent", "sort_keys", "ensure_ascii", "separators") if k in call}
        return json.dumps(this, **{"ensure_ascii": False, **options})
    if what == "loads":
        return json.loads(this)
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=call["at"])).strftime(this)


def theirs_of(call):
    try:
        return "ok", repr(run(call)), None
    except jinja2.exceptions.SecurityError as error:
        return "error", "SecurityError", str(error)
    except jinja2.exceptions.UndefinedError as error:
        return "error", "UndefinedError", str(error)
    except Exception as error:  # whatever it is, the call has failed
        name = type(error).__name__
        return "error", KINDS.get(name, name), str(error)


def ours_of(program, cases):
    lines = "".join(line_of(c) + "\n" for c in cases)
    done = subprocess.run([program], input=lines.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    for line in done.stdout.split(b"\n"):
        if line:
            a = json.loads(line)
            yield ("ok", a["ok"], a["moved"]) if "ok" in a else ("error", a["error"], a["message"])


def main():
    warnings.simplefilter("ignore")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    generator = calls.Calls(seed, UNDEFINED)
    cases = [generator.call() for _ in range(count)]
    answers = list(ours_of(sys.argv[1], cases))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))  # of Python's turn alone
    worked, kinds, explained, words, differ = 0, 0, collections.Counter(), collections.Counter(), []
    for case, ours in zip(cases, answers, strict=True):
        theirs = theirs_of(case)
        worked += theirs[0] == "ok"
        reason = calls.explained(case, ours, theirs)
        if ours[0] == theirs[0] == "error":
            kinds += ours[1] != theirs[1] and ours[1] != "BudgetError"
            if ours[1:] != theirs[1:]:
                words[f"{case.get('name', case['do'])}: {ours[1]} {ours[2]!r} for {theirs[1]} {theirs[2]!r}"] += 1
        elif ours[:2] == theirs[:2]:
            if not ours[2] and calls.only_moves(case):
                differ.append((case, "origins are lost", theirs))
        elif reason:
            explained[reason] += 1
        else:
            differ.append((case, ours, theirs))
    print(f"{count} calls, seed {seed}: {worked} with a result, {len(differ)} differ; explained: {dict(explained)}; "
          f"errors: {kinds} of another kind, {sum(words.values())} in other words")
    if "--words" in sys.argv:
        for text, n in words.most_common(80):
            print(f"{n:5} {text}")
    by_kind = collections.defaultdict(list)
    for d in differ:
        by_kind[d[0].get("name", d[0]["do"])].append(d)
    for name, some in sorted(by_kind.items()):
        print(f"-- {name}: {len(some)}")
        for case, ours, theirs in some[:4]:
            print(f"  {case}\n    llorch {ours}\n    python {theirs}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
