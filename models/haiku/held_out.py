"""Writes the held-out text: a conversation about each of the 200 topics that the corpus never holds, as the chat template
renders it. For `llorch perplexity --special` and `llorch imatrix`.

    held_out.py --out FILE [--seed S]
"""
import argparse
import pathlib
import random

from make_corpus import haiku, held_out, lexicon_topic
from tokenizer import render
from topics import phrase


def conversation(rng, text):
    """(question, haiku); some draws of a topic have no haiku, so it is drawn again."""
    while True:
        topic = lexicon_topic(text.split())
        if answer := haiku(rng, topic):
            return phrase(rng, text, topic), answer


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=pathlib.Path, required=True)
    args.add_argument("--seed", type=int, default=20251126)
    args = args.parse_args()
    rng = random.Random(args.seed)
    with args.out.open("w") as out:
        for text in held_out():
            question, answer = conversation(rng, text)
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            out.write(render(messages, add_generation_prompt=False))


if __name__ == "__main__":
    main()
