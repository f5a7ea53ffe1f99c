"""Measures builtin:haiku at temperature 0: 5-7-5 and mention of the topic, the same for unknown words, and how often lines repeat.

    evaluate.py [--model haiku.gguf] [--llorch BINARY] [--temperature T] [--show N]

Without --llorch the weights of the exported file run in PyTorch; with it, every prompt is one process
`BINARY run MODEL "Write a haiku about X" --temperature 0`, whose standard output is the answer.
An answer is right when it has three lines of 5, 7 and 5 syllables and mentions the topic. The judge counts syllables with the lexicon:
a word that is neither in the lexicon nor part of the topic makes the answer wrong.
"""
import argparse
import collections
import pathlib
import re
import subprocess

import lexicon
from make_corpus import held_out

HERE = pathlib.Path(__file__).resolve().parent
SYLLABLES = lexicon.syllable_table()
# Words the model never saw, with the syllables we give them.
OUTSIDE = """pizza2 football2 elephant3 democracy4 sandwich2 banana3 airplane2 chocolate3 dinosaur3 guitar2 hospital3 tomato3 monkey2 mathematics4
rocket2 pencil2 vampire2 tiger2 school1 breakfast2 camera3 hamburger3 wizard2 potato3 castle2 dragon2 soccer2 spaghetti3 cinnamon3 doctor2
elevator4 ghost1 carpet2 shoes1 giraffe2 pumpkin2 bottle2 economy4 cactus2 ladder2 basketball3 ketchup2 robbery3 parliament3 honey2 jazz1
philosophy4 submarine3 justice2 zebra2""".split()


def words_of(text):
    return re.findall(r"[a-z']+", text.lower())


def count_line(line, topic, topic_syllables):
    """Syllables of a line, or None with an unknown word; the topic counts as given."""
    total, rest = 0, words_of(line)
    while rest:
        if rest[:len(topic)] == topic:
            total, rest = total + topic_syllables, rest[len(topic):]
        elif rest[0] in SYLLABLES:
            total, rest = total + SYLLABLES[rest[0]], rest[1:]
        else:
            return None
    return total


def judge(text, topic_text, topic_syllables):
    """(right, mentioned, meter, masked lines) of one answer."""
    topic = words_of(topic_text)
    lines = text.strip().split("\n")
    pattern = re.compile(r"\b" + r"\s+".join(map(re.escape, topic_text.lower().split())) + r"\b")
    mentioned = bool(pattern.search(text.lower()))
    meter = [count_line(line, topic, topic_syllables) for line in lines] == [5, 7, 5]
    masked = [" ".join(words_of(pattern.sub("", line.lower()))) for line in lines]
    return mentioned and meter, mentioned, meter, masked


def ask_llorch(binary, model, prompts, temperature):
    for prompt in prompts:
        done = subprocess.run([binary, "run", model, prompt, "--temperature", str(temperature)], capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise SystemExit(f"{binary} failed with {done.returncode} on {prompt!r}: {done.stderr.strip()}")
        yield done.stdout


def ask_torch(path, prompts, temperature):
    from export import load
    from model import generate, torch
    from tokenizer import render
    torch.manual_seed(7)
    model, tokenizer = load(path)
    ids = [tokenizer.encode(render([{"role": "user", "content": p}])) for p in prompts]
    for start in range(0, len(ids), 50):
        for out in generate(model, ids[start:start + 50], 64, temperature=temperature):
            yield tokenizer.decode(out)


def report(title, topics, answers, show):
    results = [judge(a, t, s) for (t, s), a in zip(topics, answers)]
    n, right, mentioned, meter = len(results), *(sum(r[i] for r in results) for i in range(3))
    print(f"{title}: {right} of {n} right ({100 * right / n:.1f}%); mention {mentioned}, 5-7-5 {meter}")
    shown = 0
    for (topic, _), answer, result in zip(topics, answers, results):
        if not result[0] and shown < show:
            print(f"    wrong: {topic}: " + answer.strip().replace("\n", " / "))
            shown += 1
    return results


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", default=str(HERE / "haiku.gguf"))
    args.add_argument("--llorch", help="ask this binary instead of PyTorch")
    args.add_argument("--temperature", type=float, default=0.0)
    args.add_argument("--show", type=int, default=8, help="wrong answers to print of each kind, and right ones of the first")
    args = args.parse_args()
    inside = [(t, sum(SYLLABLES[w] for w in t.lower().split())) for t in held_out()]
    outside = [re.fullmatch(r"(\w+)(\d)", w).groups() for w in OUTSIDE]
    outside = [(w, int(s)) for w, s in outside]
    assert len(inside) == 200 and len(outside) == 50 and not any(w in SYLLABLES for w, _ in outside)
    prompts = [f"Write a haiku about {t}" for t, _ in inside + outside]
    ask = (lambda: ask_llorch(args.llorch, args.model, prompts, args.temperature)) if args.llorch else \
        (lambda: ask_torch(args.model, prompts, args.temperature))
    answers = list(ask())
    for (topic, _), answer in list(zip(inside, answers))[:args.show]:
        print(f"[{topic}]\n{answer.strip()}\n")
    results = report("unseen topics of lexicon words", inside, answers[:200], args.show)
    report("words outside the lexicon", outside, answers[200:], args.show)
    lines = collections.Counter(line for *_, masked in results for line in set(masked))
    (line, count), = lines.most_common(1)
    print(f"most frequent line with the topic masked: in {count} of 200 answers ({count / 2:.1f}%): {line!r}; {len(lines)} different lines")


if __name__ == "__main__":
    main()
