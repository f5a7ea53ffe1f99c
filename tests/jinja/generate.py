"""Random templates and variables. Seeded, so that a difference can be looked at again."""
import random

WORDS = ["", "a", "Hello World", "x,y,,z", "  pad \t", "line1\nline2\n\nline4", "ab\r\ncd", "é中😀ß", "İstanbul ΣΑΣ",
         "<b>&\"'</b>", "a_b-c", "12", "-3.5", "0x1f", "1e3", "\u00a0nb\u2028sp\x1c", "<|im_end|>", "%s and %d", "{} {0}",
         "ǆ ŉ ﬁ", "e\u0301", "true", "TITLE case", "user", "q\\n\\t", "\x7f\x00\x1b", "ꟿ𐐀"]
STR_METHODS = [("upper", 0), ("lower", 0), ("title", 0), ("capitalize", 0), ("swapcase", 0), ("casefold", 0), ("strip", 0),
               ("lstrip", 0), ("rstrip", 0), ("split", 0), ("splitlines", 0), ("isdigit", 0), ("isalpha", 0), ("isalnum", 0),
               ("isspace", 0), ("isupper", 0), ("islower", 0), ("istitle", 0), ("isnumeric", 0), ("isdecimal", 0),
               ("isidentifier", 0), ("isprintable", 0), ("isascii", 0), ("strip", 1), ("lstrip", 1), ("rstrip", 1),
               ("split", 1), ("rsplit", 1), ("startswith", 1), ("endswith", 1), ("find", 1), ("rfind", 1), ("index", 1),
               ("count", 1), ("partition", 1), ("rpartition", 1), ("removeprefix", 1), ("removesuffix", 1), ("replace", 2),
               ("rindex", 1)]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "count", "string", "list", "first", "last", "reverse",
           "sort", "unique|list", "join", "join(', ')", "int", "float", "abs", "round", "round(1)", "tojson", "tojson(indent=2)",
           "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "tojson(ensure_ascii=true)", "default('d')",
           "default('d', true)", "d", "items|list", "dictsort", "dictsort(false, 'value')", "indent", "indent(2, true)",
           "indent(width=3, blank=true)", "replace('a', 'bb')", "replace('l', '', 1)", "wordcount", "truncate(5)",
           "truncate(8, true, '..', 0)", "center(15)", "striptags", "urlencode", "map('upper')|list", "map('string')|join('-')",
           "map(attribute='n')|list", "map(attribute='k', default=0)|list", "select|list", "select('string')|list",
           "reject('none')|list", "select('odd')|list", "selectattr('n')|list", "selectattr('n', 'equalto', 1)|list",
           "rejectattr('n', 'defined')|list", "batch(2)|list", "batch(3, '-')|list", "slice(2)|list", "sum", "max", "min",
           "sum(attribute='n')", "groupby('n')", "sort(attribute='n')", "sort(reverse=true)", "e", "escape|length",
           "format(1, 'x')", "attr('n')", "filesizeformat", "map('trim')|list", "map('length')|list", "reverse|list",
           "sort(case_sensitive=true)", "unique(true)|list", "round(2, 'floor')", "int(7)", "int(base=16)", "float(1.5)",
           "pprint|length > 0", "select('in', [1, 2, 'a'])|list", "max(attribute='n')", "join('|', attribute='n')"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable",
         "callable", "true", "false", "odd", "even", "divisibleby 2", "divisibleby(3)", "eq 1", "ne 'a'", "gt 0", "lt 3",
         "ge 1", "le 2", "in [1, 'a']", "sameas none", "lower", "upper", "filter", "test", "escaped", "equalto('a')"]
SPECS = ["", ">8", "<8", "^9", "*^7", "05", "d", "x", "#x", "b", "o", "c", "e", ".2f", "8.3f", "+", " ", ",", "_", "%", ".1%",
         "g", ".3g", "s", ".2", "=6", "+.1e", "010,", "n", ".0f", "#.3g", "z.1f", ">>5", "ü>4"]
PERCENT = ["%s", "%5s", "%-5s|", "%.2s", "%r", "%a", "%d", "%05d", "%+d", "% d", "%x", "%#x", "%o", "%e", "%.3f", "%g", "%G",
           "%c", "%%", "%i", "%8.2f", "%-8d|", "%X"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def choice(self, items):
        return self.random.choice(items)

    def value(self, depth=0):
        kind = self.random.randrange(10 if depth < 3 else 6)
        if kind <= 2:
            return self.choice(WORDS)
        if kind == 3:
            return self.choice([0, 1, 2, 3, -1, 7, 10, 255, -12, 10**20, 2**63, 2**53 + 1])
        if kind == 4:
            return self.choice([0.0, 1.5, -2.25, 1e16, 1e-7, 0.1, 3.0, 123456.789, 5e-324, 1.7e308])
        if kind == 5:
            return self.choice([None, True, False])
        if kind <= 7:
            return [self.value(depth + 1) for _ in range(self.random.randrange(5))]
        keys = self.random.sample(["n", "k", "a", "role", "content", "B", "é", "items", "type"], self.random.randrange(5))
        return {key: self.value(depth + 1) for key in keys}

    def variables(self):
        rows = [{"n": self.choice([1, 2, "x", "Y", None, 2.5]), "k": self.choice(WORDS)} for _ in range(self.random.randrange(5))]
        return {"s": self.choice(WORDS), "t": self.choice(WORDS), "i": self.choice([0, 1, 2, 3, -4, 12]),
                "f": self.choice([0.5, 2.0, -1.25, 1e20]), "L": [self.value(2) for _ in range(self.random.randrange(6))],
                "N": [self.random.randrange(-3, 9) for _ in range(self.random.randrange(6))], "D": self.value_dict(),
                "rows": rows, "v": self.value(), "none_": None, "yes": True, "no": False}

    def value_dict(self):
        return {key: self.value(1) for key in self.random.sample(["n", "k", "b", "A", "items", "get", "x y"], 4)}

    def text(self):
        text = self.choice(WORDS).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
        return "'" + text + "'"

    def name(self):
        return self.choice(["s", "s", "t", "i", "f", "L", "N", "D", "rows", "v", "none_", "yes", "no", "undef", "loop"])

    def atom(self):
        return self.choice([self.name, self.name, self.text,
                            lambda: str(self.choice([0, 1, 2, 3, 10, 1.5, 2.0, "1e3", "0x1f", "1_000"])),
                            lambda: self.choice(["true", "false", "none", "[]", "{}", "()", "''"])])()

    def call(self, depth):
        method, n = self.choice(STR_METHODS)
        arguments = ", ".join(self.choice([self.text(), "'a'", "' '", "'l'", "s"]) for _ in range(n))
        if method in ("split", "rsplit") and n == 1 and self.random.random() < 0.4:
            arguments += f", {self.random.randrange(-1, 3)}"
        if method in ("find", "rfind", "count", "index", "startswith") and self.random.random() < 0.3:
            arguments += f", {self.random.randrange(-3, 4)}, {self.random.randrange(-3, 9)}"
        return f"{self.choice(['s', 't', self.text(), '(' + self.expression(depth + 1) + ')'])}.{method}({arguments})"

    def formatted(self, depth):
        if self.random.random() < 0.5:
            spec = self.choice(SPECS)
            return "'{:" + spec + "}'.format(" + self.choice(["i", "f", "s", "N|length", "12345678", "0.000123", "-7", "yes"]) + ")"
        n = self.random.randrange(1, 3)
        values = ", ".join(self.choice(["i", "f", "s", "'q'", "L", "-255", "3.99"]) for _ in range(n))
        return "'" + " ".join(self.choice(PERCENT) for _ in range(n)) + "' % (" + values + ("," if n == 1 else "") + ")"

    def expression(self, depth=0):
        if depth > 3:
            return self.atom()
        kind = self.random.randrange(16)
        sub = lambda: self.expression(depth + 1)
        if kind <= 2:
            return self.atom()
        if kind <= 5:
            return f"{self.choice([self.atom(), '(' + sub() + ')'])}|{self.choice(FILTERS)}"
        if kind == 6:
            return self.call(depth)
        if kind == 7:
            return f"({sub()}) {self.choice(['+', '-', '*', '/', '//', '%', '~', '~'])} ({sub()})"
        if kind == 8:
            return f"({sub()}) {self.choice(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in'])} ({sub()})"
        if kind == 9:
            return f"({sub()}) {self.choice(['and', 'or'])} ({sub()})"
        if kind == 10:
            return f"({sub()}) is {self.choice(['', 'not '])}{self.choice(TESTS)}"
        if kind == 11:
            return f"({sub()} if {sub()}{self.choice([' else ' + sub(), ''])})"
        if kind == 12:
            return f"{self.choice(['s', 'L', 'N', 'rows', 't', 'v'])}[{self.slice()}]"
        if kind == 13:
            return self.choice(["D", "v", "rows[0]", "L[0]"]) + self.choice(
                [".n", ".k", "['n']", ".items()", ".keys()|list", ".get('n')", ".get('zz', 5)", ".values()|list", ".zz", "[0]"])
        if kind == 14:
            return self.formatted(depth)
        return self.choice([f"[{sub()}, {sub()}]", f"({sub()}, {sub()})", f"{{'k': {sub()}, 'n': {sub()}}}", f"not ({sub()})",
                            f"-({sub()})", f"dict(a={sub()})", f"range({self.random.randrange(6)})|list"])

    def slice(self):
        bound = lambda: self.choice(["", "0", "1", "-1", "2", "-3", "i"])
        return self.choice([bound() or "0", f"{bound()}:{bound()}", f"{bound()}:{bound()}:{self.choice(['1', '2', '-1'])}", "::-1"])

    def tag(self, text):
        left, right = self.choice(["", "", "-", "+"]), self.choice(["", "", "-"])
        return "{%" + left + " " + text + " " + right + "%}"

    def space(self):
        return self.choice(["", "", " ", "\n", "  \n", "\n  ", "x", "\tz\n", "\n\n"])

    def block(self, depth=0):
        kind = self.random.randrange(12 if depth < 3 else 3)
        inner = lambda: self.space() + self.block(depth + 1) + self.space()
        tag = self.tag
        if kind <= 2:
            return "{{" + self.choice(["", "-"]) + " " + self.expression() + " " + self.choice(["", "-"]) + "}}"
        if kind <= 4:
            middle = self.choice(["", tag("else") + inner(), tag(f"elif {self.expression()}") + inner() + tag("else") + inner()])
            return tag(f"if {self.expression()}") + inner() + middle + tag("endif")
        if kind <= 7:
            head = self.choice(["for x in L", "for x in N", "for x in rows", "for k, x in D.items()", "for x in s", "for x in v",
                                "for x in N if x > 1", "for x in range(3)", "for x in L|reverse", "for k, x in D|dictsort"])
            body = self.choice(["{{ x }}", "{{ loop.index }}{{ loop.last }}", "{{ loop.previtem }}|{{ loop.nextitem }}",
                                "{% if x == 1 %}{% continue %}{% endif %}{{ x }}", "{% if loop.index > 2 %}{% break %}{% endif %}y",
                                "{{ loop.cycle('a', 'b') }}{{ loop.revindex0 }}", "{% set q = x %}{{ q }}", "{{ loop.changed(x) }}", inner()])
            end = self.choice(["", tag("else") + inner()])
            return tag(head) + self.space() + body + self.space() + end + tag("endfor") + self.choice(["", "{{ q }}"])
        if kind == 8:
            return tag(f"set {self.choice(['q', 'i', 's', 'ns.a'])} = {self.expression()}") + "{{ q }}" + self.choice(["", "{{ ns.a }}"])
        if kind == 9:
            return (tag(f"macro m(a, b={self.expression(2)})") + self.space() + self.choice(["{{ a }}{{ b }}", "{{ varargs }}{{ kwargs }}{{ a }}", inner()])
                    + tag("endmacro") + self.choice(["{{ m(1) }}", "{{ m(s, b=2) }}", "{{ m(1, 2, 3, z=4) }}", "{{ m()|upper }}"]))
        if kind == 10:
            return self.choice([tag("set q") + inner() + tag("endset") + "[{{ q }}]", tag("filter upper") + inner() + tag("endfilter"),
                                tag(f"with q = {self.expression()}, z = 2") + "{{ q }}" + inner() + tag("endwith"),
                                tag("generation") + inner() + tag("endgeneration"), "{# c #}", "{#- c -#}",
                                tag("raw") + "{{ x }}{% y %}" + tag("endraw"), tag("set q | trim | upper") + inner() + tag("endset") + "{{ q }}"])
        return (tag("macro w(z)") + "<{{ caller(z) }}>" + tag("endmacro") + tag("call(y) w(i)") + "{{ y }}" + inner() + tag("endcall"))

    def template(self):
        parts = ["{% set ns = namespace(a=0) %}"] if self.random.random() < 0.5 else []
        for _ in range(self.random.randrange(1, 4)):
            parts += [self.space(), self.block()]
        return "".join(parts) + self.space()
