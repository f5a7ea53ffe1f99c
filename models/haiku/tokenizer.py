"""Byte-level BPE of builtin:haiku: trainer, encoder, decoder, and the template that turns messages into text.

Ids: 0..3 the special tokens, 4..259 the bytes in the order of GPT-2's byte-to-unicode alphabet, then one id per merge. Words are split
by GPT-2's pattern; Python's `re` has no \\p{N}, so numerals outside Nd (such as "²") count as letters here and only here.
"""
import collections
import json
import re

SPECIALS = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
END = 0
SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
TEMPLATE = ("{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}")


def render(messages, add_generation_prompt=True):
    """What TEMPLATE gives."""
    text = "".join(f"<|{m['role']}|>{m['content']}<|end|>" for m in messages)
    return text + ("<|assistant|>" if add_generation_prompt else "")


def byte_alphabet():
    """[256]: the printable character that stands for each byte (GPT-2)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {b: chr(b) for b in plain}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + extra)
            extra += 1
    return [table[b] for b in range(256)]


ALPHABET = byte_alphabet()
BYTE_OF = {c: b for b, c in enumerate(ALPHABET)}


def to_alphabet(text):
    return "".join(ALPHABET[b] for b in text.encode("utf-8"))


def train_merges(texts, n_merges, min_count=100):
    """The most frequent pairs, one after another; rare words (invented ones) have no say."""
    counts = collections.Counter(to_alphabet(p) for t in texts for p in SPLIT.findall(t))
    words = [(list(w), c) for w, c in counts.items() if c >= min_count and len(w) > 1]
    merges = []
    while len(merges) < n_merges:
        pairs = collections.Counter()
        for parts, c in words:
            for pair in zip(parts, parts[1:]):
                pairs[pair] += c
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for parts, _ in words:
            i = 0
            while i < len(parts) - 1:
                if (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = ["".join(best)]
                i += 1
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.tokens = SPECIALS + sorted(ALPHABET, key=ord) + ["".join(m) for m in self.merges]
        self.id_of = {t: i for i, t in enumerate(self.tokens)}
        assert len(self.id_of) == len(self.tokens)
        self.cache = {}
        self.special_split = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")

    def _word(self, word):
        ids = self.cache.get(word)
        if ids is None:
            parts = list(to_alphabet(word))
            while len(parts) > 1:
                rank, at = min((self.rank.get(p, 1 << 30), i) for i, p in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
            ids = self.cache[word] = [self.id_of[p] for p in parts]
        return ids

    def encode(self, text):
        """Ids of `text`, in which special tokens are recognised."""
        ids = []
        for piece in self.special_split.split(text):
            if piece in SPECIALS:
                ids.append(self.id_of[piece])
            else:
                for word in SPLIT.findall(piece):
                    ids += self._word(word)
        return ids

    def decode(self, ids):
        data = b"".join(bytes(BYTE_OF[c] for c in self.tokens[i]) for i in ids if i >= len(SPECIALS))
        return data.decode("utf-8", "replace")

    def save(self, path):
        path.write_text(json.dumps(self.merges, ensure_ascii=False))

    @staticmethod
    def load(path):
        return Tokenizer(json.loads(path.read_text()))
