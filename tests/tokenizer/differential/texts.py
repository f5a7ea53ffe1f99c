"""Random texts that tokenizers may disagree about."""
import random

WORDS = """the a an ab abc hello world Hello HELLO user assistant system do not don't isn't we've you're I'm it's he'll
caf\u00e9 na\u00efve \u00c5ngstr\u00f6m stra\u00dfe \u0130stanbul \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u6f22\u5b57 \u4e2d\u6587 \u65e5\u672c\u8a9e \u30ab\u30bf\u30ab\u30ca \ud55c\uad6d\uc5b4
\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 int main(void) { return 0; } x==y != => :: ... --- <|> [INST] [/INST] <tool_call> 1 12 123 1234 3.14 1e9 \u0663\u0664
\u00bd \u2460 \u216b \ufb01 \ufdfa \u3300 \uff21\uff42 \uff76\uff9e \u1e9b\u0323 \u212b \u2126""".split()
SPACES = [" ", " ", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u200b", "\u2028", "\x0b", "\x0c",
          "\x85", " \n ", "\u2581", ""]
MARKS = ["\u0301", "\u0300", "\u0323", "\u0308", "\u0327", "\u20d7", "\u200d", "\ufe0f", "\u0345", "\u093c", "\u094d", "\u3099", "\u1abf",
         "\U0001d165", "\u05b0", "\u064b", "\u0e49", "\u1161", "\u11a8"]
ODD = ["\0", "\x01", "\x1f", "\x7f", "\x9f", "\xad", "\u2060", "\ufeff", "\ufffd", "\ufffe", "\U0010ffff", "\ue000", "\U000e0041", "\u0378",
       "\u1100", "\u1161", "\ud7a3", "\uac00", "\u0600", "\u17b4", "\u180e", "\u206a", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd",
       "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "'", "\u2019", "`", "#", "##", "$", "^", "~", "_", "<0x41>", "<0xC3>", "</w>", "|", "\\"]
RANGES = [(0x20, 0x7e), (0xa0, 0x24f), (0x250, 0x36f), (0x370, 0x5ff), (0x600, 0x6ff), (0x900, 0xdff), (0xe00, 0x109f), (0x1100, 0x11ff),
          (0x1ab0, 0x1fff), (0x2000, 0x2bff), (0x2e80, 0x33ff), (0x3400, 0x9fff), (0xa000, 0xd7ff), (0xe000, 0xffff), (0x10000, 0x1ffff),
          (0x20000, 0x2ffff), (0, 0x10ffff)]


def character(rng):
    low, high = rng.choice(RANGES)
    code = rng.randint(low, high)
    return "x" if 0xD800 <= code < 0xE000 or code == 0x10FFFE else chr(code)


def special(rng, specials):
    """A special token: whole, cut, in capitals, or with white space beside it."""
    text = rng.choice(specials)
    kind = rng.randrange(8)
    if kind == 0:
        return text[:rng.randint(0, len(text))]
    if kind == 1:
        return text[rng.randint(0, len(text)):]
    if kind == 2:
        return rng.choice([text.upper(), text.lower(), text + text[:2], text[:1] + text])
    return rng.choice(SPACES) + text + rng.choice(SPACES) if kind < 5 else text


def text(rng, specials, alphabet):
    parts = []
    for _ in range(rng.choice([1, 2, 3, 5, 8, 13])):
        kind = rng.randrange(12)
        if kind < 3:
            parts += [rng.choice(WORDS), rng.choice(SPACES)]
        elif kind < 5 and specials:
            parts.append(special(rng, specials))
        elif kind == 5:
            parts.append(character(rng) + rng.choice(MARKS) * rng.choice([1, 1, 2]))
        elif kind == 6:
            parts.append(rng.choice("aeiouAEIOU\u00e9\u03b1") + "".join(rng.choice(MARKS) for _ in range(rng.randint(1, 3))))
        elif kind == 7:
            parts.append(rng.choice(ODD))
        elif kind == 8:
            parts.append("".join(character(rng) for _ in range(rng.randint(1, 4))))
        elif kind == 9:
            parts.append(rng.choice(SPACES) * rng.randint(1, 4))
        elif kind == 10 and alphabet:
            parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 8))))
        else:
            parts.append(rng.choice(WORDS))
    return "".join(parts).replace("\U0010fffe", "")


def damaged(rng, whole):
    """Bytes that are not UTF-8 any more, most of the time."""
    data = bytearray(whole.encode())
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(data))
        if rng.random() < 0.5 and at < len(data):
            del data[at]
        else:
            data.insert(at, rng.choice([0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xF5, 0xFF]))
    return bytes(data)
