"""Random calls. Seeded, so that a difference can be looked at again."""
import random
import struct
import unicodedata

PIECES = list("abcxyzABCXYZ019 .,-_:;/%{}[]()'\"\\<>&!?~^*+=#@$|") + [
    "\n", "\r", "\r\n", "\t", "\v", "\f", "\0", "\x1b", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f", "\x80", "\x85", "\xa0", "\xad",
    "é", "É", "ß", "ẞ", "İ", "ı", "i̇", "Σ", "σ", "ς", "ŉ", "ǰ", "ΐ", "ﬁ", "ﬃ", "ǅ", "ǆ", "Ǆ", "ᾳ", "ᾼ", "ᾈ", "ſ", "K", "Å",
    "中", "文", "日本", "가", "ᄀ", "あ", "ｱ", "Ａ", "ａ", "٣", "३", "²", "½", "Ⅷ", "ⅷ", "①", "三", "ª", "ʰ", "'s", "’", "·",
    "e\u0301", "\u0301", "\u0345", "\u200d", "\u200b", "\u2028", "\u2029", "\u3000", "\u1680", "\u180e", "\ufeff", "\ufffd",
    "\ue000", "\U0010fffd", "😀", "👨\u200d👩", "𐐀", "𐐨", "𝟘", "𝒜", "Ꭰ", "ꭰ", "Ა", "ა", "ⓐ", "Ⓐ", "न", "ि", "ا", "א", "𞤀",
    "\u2126", "\u0149", "\u1e9e", "the ", "Hello ", "World", "aa", "ab", "ba", "foo", "\u0130stanbul", "ΣΑΣ", "ὈΔΥΣΣΕΎΣ "]
SPACES = [" ", "\t", "\n", "\r\n", "\x1c", "\x1f", "\x85", "\xa0", "\u2003", "\u2028", "\u3000", "\v"]
INDICES = [None, 0, 1, 2, 3, 5, 8, -1, -2, -3, -5, -9, 100, -100, 2**62, -2**62]
ANY_INT = [0, 1, 2, 3, 4, 5, 7, 8, 10, 12, 20, -1, -3, True, False]
NONE = ["capitalize", "casefold", "lower", "upper", "swapcase", "title", "isalnum", "isalpha", "isascii", "isdecimal",
        "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper"]
SEARCH = ["find", "rfind", "index", "rindex", "count", "startswith", "endswith"]
STRIP = ["strip", "lstrip", "rstrip"]
PAD = ["center", "ljust", "rjust", "zfill"]
SPLIT = ["split", "rsplit"]
PART = ["partition", "rpartition", "removeprefix", "removesuffix"]
MOVES = set(STRIP + PAD + SPLIT + PART + ["expandtabs", "join", "replace", "splitlines"])
TIME = "aAbBcCdDeFfgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%Q1 "


def only_moves(case):
    return case["do"] == "method" and case["name"] in MOVES


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from strings_in(k)
            yield from strings_in(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from strings_in(v)


def explained(case, ours, theirs):
    """Why a difference is none, or nothing."""
    if ours[1] == "BudgetError":
        return "a budget"
    if ours[1] == "SecurityError" and case.get("name") in ("format", "format_map"):
        return "private attributes are refused, not empty"
    everything = [case.get("self"), case.get("arg"), case.get("args"), ours[1]]
    if any(unicodedata.category(c) == "Cn" for s in strings_in(everything) for c in s):
        return "a newer Unicode"
    if case["do"] == "loads":
        text = case["self"]
        if text.startswith("\ufeff"):
            return "a byte order mark in front of JSON"
        if "NaN" in text or "Infinity" in text or "out of range" in str(ours[2]) or "overflow" in str(ours[2]):
            return "NaN and infinity in JSON"
        if "surrogate" in str(ours[2]):
            return "surrogates alone"
    if any(c.isdecimal() and not c.isascii() for s in strings_in([case.get("spec"), case.get("self")]) for c in s) and (
            case["do"] == "value" or case.get("name") in ("format", "format_map")):
        return "digits of other scripts in a specification"
    if case["do"] == "time" and "^" in case["self"] and not case["self"].isascii():
        return "capitals beyond ASCII in no directive of strftime"
    if case["do"] == "time" and "\0" in case["self"]:
        return "strftime goes on behind a zero byte"
    return None


class Calls:
    def __init__(self, seed, undefined):
        self.random = random.Random(seed)
        self.undefined = undefined

    def choice(self, items):
        return self.random.choice(items)

    def chance(self, p):
        return self.random.random() < p

    def code(self):
        while True:
            c = self.random.randrange(self.choice([0x80, 0x250, 0x600, 0x3000, 0x10000, 0x20000, 0x110000]))
            if not 0xD800 <= c < 0xE000:
                return chr(c)

    def text(self, longest=12):
        kind = self.random.randrange(8)
        n = self.random.randrange(longest)
        if kind == 0:
            return "".join(self.choice("ab") for _ in range(n))
        if kind == 1:
            return "".join(self.choice(SPACES + ["a", "é", "B"]) for _ in range(n))
        if kind == 2:
            return "".join(chr(self.random.randrange(32, 127)) for _ in range(n))
        if kind == 3:
            return "".join(self.code() for _ in range(n))
        return "".join(self.choice(PIECES) for _ in range(n))

    def part(self, text):
        """Often a part of `text`."""
        if text and self.chance(0.7):
            begin = self.random.randrange(len(text))
            return text[begin:begin + self.random.randrange(4)]
        return self.text(4)

    def integer(self):
        kind = self.random.randrange(6)
        if kind == 0:
            return self.choice(ANY_INT)
        if kind == 1:
            return self.choice([1, -1]) * self.random.getrandbits(self.random.randrange(1, 300))
        if kind == 2:
            return self.choice([1, -1]) * 10**self.random.randrange(30) + self.random.randrange(-2, 3)
        return self.random.randrange(-2000, 2000)

    def real(self):
        kind = self.random.randrange(8)
        if kind == 0:
            return struct.unpack("<d", struct.pack("<Q", self.random.getrandbits(64)))[0]
        if kind == 1:
            return self.choice([0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, float("inf"),
                                float("-inf"), float("nan"), 1e16, 1e15, 9999999999999998.0, 1e-4, 1e-5, 0.1, 0.5, 1.5, 2.5])
        if kind == 2:
            return self.choice([1, -1]) * 10.0**self.random.randrange(-20, 25)
        if kind == 3:
            return self.random.randrange(-10**6, 10**6) / self.choice([1, 2, 4, 8, 10, 100, 1000])
        if kind == 4:
            return float(self.random.getrandbits(self.random.randrange(1, 70)))
        return self.random.uniform(-1, 1) * 10**self.random.randrange(-8, 20)

    def scalar(self):
        return self.choice([self.text, self.text, self.integer, self.real, lambda: None, lambda: self.chance(0.5)])()

    def key(self):
        return self.choice([self.text, self.text, self.text, self.integer, self.real, lambda: None, lambda: True,
                            lambda: self.text(3)])()

    def value(self, depth=0):
        kind = self.random.randrange(12 if depth < 3 else 6)
        if kind < 7:
            return self.scalar()
        items = [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        if kind < 9:
            return items
        if kind == 9:
            return tuple(items)
        return {self.key(): item for item in items}

    def shown(self):
        """Something that has a str() and repr()."""
        kind = self.random.randrange(20)
        if kind == 0:
            step = self.choice([1, 1, 2, -1, -3])
            return range(self.random.randrange(-3, 5), self.random.randrange(-3, 9), step)
        if kind == 1:
            return self.undefined
        if kind == 2:
            return self.choice([lambda d: d.items(), lambda d: d.keys(), lambda d: d.values()])(
                {self.key(): self.value(2) for _ in range(self.random.randrange(3))})
        return self.value()

    def json_value(self, same_keys):
        value = self.value()
        if not same_keys or not isinstance(value, dict):
            return value
        kind = self.choice([self.text, self.integer, self.real])
        return {kind(): v for v in value.values()}

    # calls.

    def call(self):
        kind = self.random.randrange(20)
        if kind < 9:
            return self.method()
        if kind < 12:
            return self.percent()
        if kind < 15:
            spec = self.spec()
            this = self.choice([self.text, self.integer, self.real, self.real, self.scalar])()
            if spec.endswith("c") and self.chance(0.7):
                this = ord(self.code())
            return {"do": "value", "self": this, "spec": spec}
        if kind == 15:
            return self.braces()
        if kind == 16:
            return {"do": self.choice(["repr", "repr", "str"]), "self": self.shown()}
        if kind == 17:
            return self.dumps()
        if kind == 18:
            return self.loads()
        return self.time()

    def bounds(self):
        return [self.choice(INDICES) for _ in range(self.choice([0, 0, 1, 2]))]

    def method(self):
        text = self.text()
        group = self.choice([NONE, SEARCH, SEARCH, STRIP, PAD, SPLIT, SPLIT, PART, ["expandtabs"], ["join"], ["replace"],
                             ["splitlines"]])
        name = self.choice(group)
        args, kw = [], {}
        if group is SEARCH:
            args = [self.part(text)] + self.bounds()
            if name in ("startswith", "endswith") and self.chance(0.3):
                args[0] = tuple(self.part(text) for _ in range(self.random.randrange(4)))
        elif group is STRIP:
            args = self.choice([[], [None], [self.part(text)], [self.part(text) + self.part(text)]])
        elif group is PAD:
            args = [self.choice(ANY_INT)] + ([self.choice(PIECES)] if self.chance(0.5) and name != "zfill" else [])
            text = self.choice([text, str(self.integer())])
        elif group is SPLIT:
            args, kw = self.choice([([], {}), ([None], {}), ([self.part(text)], {}), ([self.part(text), self.choice(ANY_INT)], {}),
                                    ([None, self.choice(ANY_INT)], {}), ([], {"sep": self.part(text)}),
                                    ([], {"maxsplit": self.choice(ANY_INT)}), ([self.part(text)], {"maxsplit": 1})])
        elif group is PART:
            args = [self.part(text)]
        elif name == "expandtabs":
            text = "".join(self.choice(["\t", "\t", "a", "é", "\n", "\r", " ", "中"]) for _ in range(self.random.randrange(9)))
            args, kw = self.choice([([], {}), ([self.choice(ANY_INT)], {}), ([], {"tabsize": self.choice(ANY_INT)})])
        elif name == "join":
            args = [self.choice([[self.text(4) for _ in range(self.random.randrange(5))], self.text(5), self.value(1)])]
        elif name == "replace":
            args = [self.part(text), self.text(4)] + ([self.choice(ANY_INT)] if self.chance(0.4) else [])
        elif name == "splitlines":
            args, kw = self.choice([([], {}), ([self.choice([True, False, 0, 1])], {}), ([], {"keepends": True})])
        if self.chance(0.04):  # a wrong call
            args = args + [self.scalar()] if self.chance(0.5) else args[:-1]
        if args and self.chance(0.04):
            args[self.random.randrange(len(args))] = self.value()
        if self.chance(0.01):
            kw = {self.choice(["sep", "count", "chars", "width", "old", "sub"]): self.scalar()}
        return {"do": "method", "self": text, "name": name, "args": args, "kw": kw}

    def spec(self):
        if self.chance(0.05):
            return self.text(5)
        parts = [self.choice(["", "", "", "<", ">", "^", "=", "*<", "0>", "é^", " =", "中>", "0=", "x="]),
                 self.choice(["", "", "", "+", "-", " "]), self.choice([""] * 8 + ["z"]), self.choice(["", "", "", "#"]),
                 self.choice(["", "", "0"]), self.choice(["", "", str(self.random.randrange(30)), "1", "8"]),
                 self.choice(["", "", "", ",", "_"]),
                 self.choice(["", "", "." + str(self.random.randrange(20)), ".0", ".1", ".2"]),
                 self.choice(list("sdbcoxXneEfFgG%") + ["", "", "", "q"])]
        return "".join(parts)

    def directive(self, named):
        name = "(" + self.choice(["a", "b", "é", "a b"]) + ")" if named else ""
        flags = "".join(self.choice("-+ #0") for _ in range(self.choice([0, 0, 1, 1, 2])))
        width = self.choice(["", "", str(self.random.randrange(20)), "" if named else "*"])
        precision = self.choice(["", "", "", ".", "." + str(self.random.randrange(20)), "" if named else ".*"])
        return "%" + name + flags + width + precision + self.choice(["", "", "", "", "l", "h"]) + self.choice(
            "ssrrraaddiuoxXeEfFgGc" + "%qDé")

    def percent(self):
        named = self.chance(0.2)
        n = self.random.randrange(4)
        text = "".join(self.choice([self.text(3).replace("%", "%%"), ""]) + self.directive(named) for _ in range(n))
        if self.chance(0.1):
            text += self.choice(["%", "100%", "%(a", "%5", "%.", "% "])
        if named:
            arg = {"a": self.scalar(), "b": self.scalar(), "é": self.scalar(), "a b": self.value()}
            if self.chance(0.1):
                arg = self.value()
        else:
            needed = text.count("*") + n - text.count("%%")
            arg = tuple(self.choice([self.scalar, self.integer, self.real, lambda: self.choice(ANY_INT)])()
                        for _ in range(max(0, needed + self.choice([0] * 9 + [-1, 1]))))
            if len(arg) == 1 and self.chance(0.4) or self.chance(0.05):
                arg = self.value()
        return {"do": "percent", "self": text, "arg": arg}

    def field(self, depth=0):
        name = self.choice(["", "", "0", "1", "2", "a", "b", "c", "0[0]", "1[0]", "a[k]", "c[k]", "c[1]", "c.k", "0[-1]", "a.b",
                            "a.__class__", "0._x", "d", "7", "é", "c[k][0]", "c[k].x", "01", " 0", "0 ", "0[", "0]", "c[]", "c.",
                            "c[k]x", "b[1:2]", "c[a b]", "c[__class__]", "a..b"])
        out = "{" + name + self.choice(["", "", "", "!r", "!s", "!a", "!x", "!", "!rr"] if self.chance(0.5) else [""])
        kind = self.random.randrange(5)
        if kind == 0:
            out += ":" + self.spec()
        elif kind == 1 and depth < 3:
            out += ":" + self.choice([">", "<", "", "*^"]) + self.field(depth + 1) + self.choice(["", ".2", "d"])
        return out + ("}" if self.chance(0.97) else "")

    def braces(self):
        text = "".join(self.choice([self.text(3), "{{", "}}", "", "x"]) + self.field()
                       for _ in range(self.random.randrange(1, 4)))
        args = [self.choice([self.scalar, self.value, lambda: self.choice(ANY_INT)])() for _ in range(self.random.randrange(4))]
        kw = {"a": self.scalar(), "b": self.value(), "c": {"k": self.value(), 1: "one", "a b": 2.5}}
        if self.chance(0.1):
            return {"do": "method", "self": text, "name": "format_map", "args": [kw]}
        return {"do": "method", "self": text, "name": "format", "args": args, "kw": kw}

    def dumps(self):
        sort = self.chance(0.4)
        call = {"do": "dumps", "self": self.json_value(sort), "sort_keys": sort, "ensure_ascii": self.chance(0.3)}
        if self.chance(0.05):
            call["self"] = [self.shown()]
        if self.chance(0.5):
            call["indent"] = self.choice([0, 1, 2, 4, -1, True, None, "", "\t", "->", "é"])
        if self.chance(0.3):
            call["separators"] = self.choice([[",", ":"], [", ", ": "], ["; ", "="], ["", ""]])
        return call

    def loads(self):
        import json
        text = json.dumps(self.value(), ensure_ascii=self.chance(0.5), indent=self.choice([None, None, 1]))
        if self.chance(0.3):
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self.choice([",", "0", "1e5", "-", "\"", "\\", "{", "}", "[", "]", ".", " ", "\\u12", "\ufeff"]) + text[at:]
        if self.chance(0.1):
            text = self.choice(['{"a": 1, "b": 2, "a": [3]}', "-0", "-0.0", "1E400", "1" * 200, "01", "+1", "1.", ".5", "\"\\ud83d\\ude00\"",
                                "\"\\/\"", " [1 ,\n2] ", "", "nul", "true false", "\"\t\"", "-", "1e", "[1,]", "{\"a\":}", "{1: 2}",
                                "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
                                "18446744073709551615", "18446744073709551616", "1e-400", "123456789012345678901234567890.0"])
        return {"do": "loads", "self": text}

    def time(self):
        flags = ["", "", "", "-", "_", "0", "^", "#", "E", "O", "10", "3", "-_", "^^", "+", ":", "_5", "-E", "40"]
        text = "".join(self.choice(["%" + self.choice(flags) + self.choice(TIME), self.text(3)])
                       for _ in range(self.random.randrange(1, 6)))
        # From the year 1000 on: before it, platforms differ about zeros.
        return {"do": "time", "self": text, "at": self.random.randrange(-30610224000, 253402300799)}
