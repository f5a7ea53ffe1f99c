"""llorch's templates against Jinja 2 itself, on random templates and variables.

usage: differential.py LLORCH [COUNT [SEED]]      Exit 1 and the first differences when there are any.

Both must give the same bytes, or both must fail. Left out, since they cannot be compared: results in which Python prints
an address ("<generator object ... at 0x..>"), and what EXPLAINED names."""
import json
import re
import subprocess
import sys

try:
    import generate
    import oracle
except ImportError as error:
    print(f"SKIPPED: {error} (python3-jinja2 is what templates are compared with)")
    sys.exit(77)

EXPLAINED = [
    # Autoescape's quirk: a text out of e or escape escapes what is added to it. llorch's adds.
    ("markup", lambda case, ours, theirs: re.search(r"\|(e|escape)\b", case["template"])),
    # pprint of more than a line is refused instead of wrapped.
    ("pprint", lambda case, ours, theirs: "pprint" in ours[1]),
    # A name that a block sets further down hides a variable of that name from loops and macros before it, in Jinja alone:
    # there names are resolved when the template is compiled.
    ("late set", lambda case, ours, theirs: re.search(r"\{%[-+]? set (i|s) =", case["template"])),
    # Jinja's loop gives what is left of itself when it is walked; llorch refuses to.
    ("loop walked", lambda case, ours, theirs: "LoopContext" in ours[1]),
    # Integers of more than 4,300 digits and values nested deeper than 100 are over llorch's limits.
    ("limits", lambda case, ours, theirs: ours[0] == "error" and ("bits" in ours[1] or "deep" in ours[1])),
]


def ours_of(llorch, cases):
    lines = "".join(json.dumps({"template": c["template"], "extra": c["variables"]}) + "\n" for c in cases)
    done = subprocess.run([llorch, "render", "builtin:haiku", "--jsonl", "--now", oracle.NOW.isoformat()],
                          input=lines.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"llorch render ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    answers = [json.loads(line) for line in done.stdout.split(b"\n") if line]
    if len(answers) != len(cases):
        sys.exit(f"llorch render answered {len(answers)} of {len(cases)} lines")
    return [("ok", a["rendered"]) if "rendered" in a else ("error", a["error"]) for a in answers]


def main():
    llorch = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    env = oracle.environment()
    generator = generate.Generator(seed)
    cases = [{"template": generator.template(), "variables": generator.variables()} for _ in range(count)]
    theirs = [oracle.render(env, c["template"], c["variables"]) for c in cases]
    ours = []
    for begin in range(0, count, 1000):
        ours += ours_of(llorch, cases[begin:begin + 1000])
    differ, explained, addresses, rendered = [], {}, 0, 0
    for case, a, b in zip(cases, ours, theirs):
        rendered += b[0] == "ok"
        if a == b or a[0] == b[0] == "error":
            continue
        if b[0] == "ok" and re.search(r"at 0x[0-9a-f]+|built-in method|<function|<Macro|<class|Undefined|LoopContext", b[1], re.I):
            addresses += 1
            continue
        reason = next((name for name, holds in EXPLAINED if holds(case, a, b)), None)
        if reason:
            explained[reason] = explained.get(reason, 0) + 1
        else:
            differ.append((case, a, b))
    for case, a, b in differ[:int(sys.argv[4]) if len(sys.argv) > 4 else 10]:
        print("template ", json.dumps(case["template"], ensure_ascii=False))
        print("variables", json.dumps(case["variables"], ensure_ascii=False))
        print("llorch   ", a)
        print("jinja2   ", b, "\n")
    print(f"{count} templates, {rendered} of them render; {len(differ)} differ; {addresses} print addresses; explained: {explained}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
