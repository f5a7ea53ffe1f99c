"""Writes the training corpus of builtin:haiku: conversations in which a user names a topic and gets a haiku.

Every lexicon word owns a small bank of lines, filled once from the patterns below by a generator seeded with the word. A haiku
about "winter moonlight" takes one line that carries the topic and two lines from the banks of its words, so that other words
give other lines even at temperature 0. A quarter of the lines is drawn freely from the same patterns: the model has to learn
syllables and grammar, not only the banks. The held-out topics of evaluate.py come from here and never enter the corpus.

    make_corpus.py [--count N] [--seed S] [--out build/corpus.jsonl]
"""
import argparse
import hashlib
import json
import pathlib
import random
from functools import lru_cache

import lexicon
from lexicon import ADJ, ALL_ADJECTIVES, ALL_NOUNS, ALL_VERBS, NOUN, SISTERS, TECH_FIELDS
from topics import outside_prompt, outside_answer, phrase, pseudo_word, respell, system_message

HERE = pathlib.Path(__file__).resolve().parent

# Slots: S singular or mass noun, C singular count noun, M mass noun, P plural noun, A adjective, R preposition, Q preposition before
# a bare mass noun, D adverb, V verb that agrees with the noun before it. A digit is a weight.
SHORT = """A P V:6|the A S V:6|P V Q M:4|M V Q M:4|R the A S:4|A M R the C:2|P R the C:2|a A C V:4|D the S V:3|one A C V:3
and the A S V:2|where A P V:2|only M V:2|each C V alone:1|all the A P V:2|M and A M:1|P V and V:2|the A P V:4|this A C V:2""".replace("\n", "|")
LONG = """the A S V R the C:5|P V R the A S:6|P V where the S V:4|A P V Q M:5|while the S V P V:3|a A C V Q M:4|P V and P V:3
P V like A P:4|a thousand P V Q M:2|no C V no C V:2|M V R the A C:4|ten thousand P V as one:2|each A C V R the C:2
between P and P M V:2|the P V and V Q M:2|A M V R the C:2|two A P V R the C:1|from C to C the A S V:1|as the A S V P V:3""".replace("\n", "|")
WITH_TOPIC = """X V:4|X V Q M:5|X V R the S:5|X R the C:2|X Q M:3|X V R the A S:4|X V and V:3|X V like A P:4|X V D:3|X so A and A:2
X V where the S V:3|X V while the S V:2|X V as P V:2""".replace("\n", "|")
THE_TOPIC = "the X V:5|the X V Q M:3|the X V R the S:3|the X V like A P:2|the X V D:2|one X V:1|this X V:1|one X V Q M:1|the X R the C:1"
# Poems of our own for the topics people try first.
FEATURED = {
    "GPU computing": ("ten thousand threads wake\nGPU computing hums\nsilicon dreaming",
                      "parallel threads glow\nGPU computing sings\nstarlight in copper"),
    "silent rivers": ("silent rivers flow\nmoonlight drifts through the valley\nthe old stones listen",
                      "silent rivers turn\nwillows bend above the stream\nonly time returns"),
    "winter moonlight": ("winter moonlight falls\nthe forest sleeps under snow\none small lantern glows",
                      "winter moonlight glows\nsilver frost on the maple\nthe wolf waits alone"),
}
BANK_WEIGHTS = (0.7, 0.22, 0.08)
GROUPS = (("water", "sky", "weather"), ("forest", "animal", "earth"), ("home", "mind"), TECH_FIELDS)


def _patterns(text):
    items = [p.rsplit(":", 1) for p in text.split("|")]
    return [p.split() for p, _ in items], [int(w) for _, w in items]


PATTERNS = {"short": _patterns(SHORT), "long": _patterns(LONG), "topic": _patterns(WITH_TOPIC), "the": _patterns(THE_TOPIC)}
SYLLABLES = lexicon.syllable_table()


def _entries(table):
    return [lexicon._parse(t)[:2] for t in table.split()]


CLOSED = {"R": _entries(lexicon.PREPOSITIONS["any"]), "Q": _entries(lexicon.PREPOSITIONS["mass"]), "D": _entries(lexicon.ADVERBS)}


@lru_cache(None)
def candidates(slot, field, number):
    """[(text, syllables)] that may fill `slot` in a line of this field; number is that of the verb's subject."""
    if slot in CLOSED:
        return CLOSED[slot]
    if slot == "A":
        own, other = ([w for w in ALL_ADJECTIVES if w.field == k] for k in lexicon.adjective_kinds(field)[::-1])
        return [(w.text, w.syllables) for w in own + own + other]
    if slot == "V":
        return [(w.text, w.syllables) for w in ALL_VERBS if w.field == field and w.number == number]
    kinds = {"S": "sm", "C": "s", "M": "m", "P": "p"}[slot]
    return [(w.text, w.syllables) for w in ALL_NOUNS if w.field == field and w.number in kinds]


def seeded(*key):
    return random.Random(hashlib.sha256("|".join(map(str, key)).encode()).digest())


def make_line(rng, kind, field, total, topic_syllables=0, number="s"):
    """A line of `total` syllables: list of words, "X" standing for the topic (topic_syllables, number)."""
    patterns, weights = PATTERNS[kind]
    for _ in range(4000):
        words, left, agree, here = [], total, "", field
        pattern = rng.choices(patterns, weights)[0]
        if number == "p" and pattern[0] in ("one", "this") and pattern[1] == "X":
            continue
        for slot in pattern:
            if slot == "X":
                word, syl, agree, here = "X", topic_syllables, number, field
            elif len(slot) == 1 and slot.isupper():
                if slot in "SCMP":      # the noun's field decides its verbs, too
                    here = rng.choices(SISTERS[field], (6, 2, 1, 0.5))[0]
                options = candidates(slot, here, "p" if agree == "p" else "s")
                if not options:
                    break
                word, syl = rng.choice(options)
                agree = {"S": "s", "C": "s", "M": "m", "P": "p"}.get(slot, agree)
            else:
                word, syl = slot, SYLLABLES[slot]
            if word in words and word not in ("the", "no", "and"):
                break
            words.append(word)
            left -= syl
            if left < 0:
                break
        else:
            if left == 0:
                return [("an" if w == "a" and words[i + 1][0] in "aeiou" else w) for i, w in enumerate(words)]
    return None


@lru_cache(None)
def bank(key, kind, field, total, topic_syllables=0, number="s"):
    """The lines that belong to one lexicon word (key), always the same ones."""
    rng = seeded("bank", key, kind, field, total, topic_syllables, number)
    return [make_line(rng, kind, field, total, topic_syllables, number) for _ in BANK_WEIGHTS]


def content(words):
    return {w.rstrip("s") for w in words if len(w) > 3 and w != "thousand"}


def pick(rng, key, kind, field, total, taken, **topic):
    """A line from the bank of `key` or a free one, without words already in the poem."""
    lines = bank(key, kind, field, total, **topic) if key and rng.random() < 0.82 else []
    order = rng.choices(lines, BANK_WEIGHTS, k=3) + lines if lines else []
    for line in order:
        if line and not content(line) & taken:
            return line
    line = None
    for _ in range(20):
        line = make_line(rng, kind, field, total, **topic) or line
        if line and not content(line) & taken:
            break
    return line


class Topic:
    """words as printed; field and number of the head (the last word); syllables of the whole."""

    def __init__(self, words, syllables, number, field, known=True):
        self.words, self.syllables, self.number, self.field, self.known = words, syllables, number, field, known
        self.text = " ".join(words)


def lexicon_topic(words):
    head = NOUN[words[-1].lower()]
    return Topic([(NOUN.get(w.lower()) or ADJ[w]).text for w in words], sum(SYLLABLES[w.lower()] for w in words), head.number, head.field)


def topic_line_number(rng, topic):
    """Which line (0, 1, 2) carries the topic: the middle when it is long, else mostly the head's favourite."""
    s = topic.syllables
    if s >= 5:
        return 1
    choices = (0, 0, 1, 2) if s <= 3 else (0, 1, 1, 1)
    source = seeded("place", topic.words[-1], topic.words[0]) if topic.known and rng.random() < 0.8 else rng
    return source.choice(choices)


def bank_field(word, head_field):
    """Nouns keep their own field; an adjective takes one from the head's group, so that the poem stays in one world."""
    if word.lower() in NOUN:
        return NOUN[word.lower()].field
    group = next(g for g in GROUPS if head_field in g)
    return seeded("field", word, group[0]).choice(group)


def haiku(rng, topic):
    """Three lines of 5, 7 and 5 syllables; None when this draw found none."""
    if topic.text in FEATURED and rng.random() < 0.85:
        return rng.choices(FEATURED[topic.text], (3, 1))[0]
    place, totals = topic_line_number(rng, topic), (5, 7, 5)
    head, first = topic.words[-1], topic.words[0]
    lines, taken = [None] * 3, content(topic.words)
    source = seeded("the", head, first) if topic.known else rng
    kind = "the" if source.random() < (0.7 if topic.number == "s" else 0.25) and totals[place] - topic.syllables >= 2 else "topic"
    if totals[place] == topic.syllables:
        lines[place] = ["X"]
    else:
        lines[place] = pick(rng, head if topic.known else None, kind, topic.field, totals[place], taken,
                            topic_syllables=topic.syllables, number=topic.number)
    if lines[place] is None:
        return None
    taken |= content(lines[place])
    rest = [i for i in range(3) if i != place]
    keys = [head, first] if len(topic.words) > 1 else [head, head]
    if topic.known and seeded("swap", head, first).random() < 0.5:
        keys.reverse()
    for i, key in zip(rest, keys):
        field = bank_field(key, topic.field) if topic.known else topic.field
        lines[i] = pick(rng, f"{key}/{i}" if topic.known else None, "long" if i == 1 else "short", field, totals[i], taken)
        if lines[i] is None:
            return None
        taken |= content(lines[i])
    return "\n".join(" ".join(line) for line in lines).replace("X", topic.text)


def draw_words(rng, kinds=(25, 46, 29)):
    """Lexicon words of one topic: the last one is a noun, up to seven syllables."""
    bare = [w for w in ALL_NOUNS if w.number != "p"]
    while True:
        n = rng.choices((1, 2, 3), kinds)[0]
        words = [rng.choice(ALL_NOUNS).text]
        if n > 1:
            words.insert(0, rng.choice(ALL_ADJECTIVES).text if rng.random() < 0.55 else rng.choice(bare).text)
        if n > 2:
            words.insert(0, rng.choice(ALL_ADJECTIVES).text if rng.random() < 0.75 or words[0] in ADJ else rng.choice(bare).text)
        if len(set(words)) == n and sum(SYLLABLES[w.lower()] for w in words) <= 7:
            return words


@lru_cache(None)
def held_out(count=200):
    """The topics of evaluate.py, as texts: 20 single nouns, 120 pairs and 60 triples of at most six syllables."""
    rng, topics = random.Random(20240229), []
    quota = {1: count // 10, 2: count * 6 // 10, 3: count * 3 // 10}
    while len(topics) < count:
        words = draw_words(rng, (10, 60, 30))
        text = " ".join(words)
        if quota[len(words)] and text not in topics and text not in ("GPU computing", "silent rivers", "winter moonlight", "GPU") and \
                sum(SYLLABLES[w.lower()] for w in words) <= 6:
            quota[len(words)] -= 1
            topics.append(text)
    return topics


def draw_topic(rng, banned):
    roll = rng.random()
    if roll < 0.11:
        word, syl = pseudo_word(rng)
        field = rng.choice(tuple(SISTERS))
        words = [word]
        if rng.random() < 0.25 and syl <= 4:
            extra = rng.choice(ALL_ADJECTIVES)
            words, syl = [extra.text, word], syl + extra.syllables
        return Topic(words, syl, "p" if word.endswith("s") else "m", field, known=False)
    if roll < 0.125:
        return lexicon_topic(rng.choice(list(FEATURED)).split())
    while True:
        words = draw_words(rng)
        if " ".join(words) not in banned:
            return lexicon_topic(words)


def turn(rng, banned, previous=None):
    """([user, assistant], topic) of one exchange."""
    if rng.random() < 0.05:
        return [outside_prompt(rng), outside_answer(rng)], previous
    again = previous is not None and rng.random() < 0.1
    topic = previous if again else draw_topic(rng, banned)
    answer = haiku(rng, topic)
    if answer is None:
        return turn(rng, banned, previous)
    return [rng.choice(("Another one", "One more, please", "again", "Write another one.")) if again
            else phrase(rng, respell(rng, topic.text), topic), answer], topic


def conversation(rng, banned, turns):
    messages, topic = [], None
    if rng.random() < 0.12:
        messages.append({"role": "system", "content": system_message(rng)})
    for _ in range(turns):
        (user, answer), topic = turn(rng, banned, topic)
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return messages


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--count", type=int, default=150000, help="conversations of one turn; one tenth as many of 2 to 9 turns is added")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--out", type=pathlib.Path, default=HERE / "build" / "corpus.jsonl")
    args = args.parse_args()
    rng, banned = random.Random(args.seed), set(held_out())
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("w") as out:
        for i in range(args.count + args.count // 10):
            turns = 1 if i < args.count else rng.randint(2, 9)
            out.write(json.dumps(conversation(rng, banned, turns), ensure_ascii=False) + "\n")
            if i % 20000 == 0:
                print(f"{i} conversations", flush=True)


if __name__ == "__main__":
    main()
