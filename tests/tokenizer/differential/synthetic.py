"""Small tokenizer.json documents, random but seeded, which together have every component and every option."""
import base64
import json
import random
import struct

SPACE = "\u2581"
CHARACTERS = list("abcdehilnorstuwxyABH01 .,!?'#-_<>/|") + [SPACE, "\u00e9", "e\u0301"[0], "\u0301", "\u6f22", "\u5b57", "\u03b1", "\u043f", "\ufb01", "\u00df", "\U0001f600"]


def replace(pattern, content, regex=False):
    return {"type": "Replace", "pattern": {"Regex" if regex else "String": pattern}, "content": content}


def sequence(key, *parts):
    return {"type": "Sequence", key: list(parts)}


def trie(entries):
    """A double array of [key bytes, value], as Darts-clone lays it out."""
    root = ({}, [None])
    for key, value in entries:
        node = root
        for byte in key:
            node = node[0].setdefault(byte, ({}, [None]))
        node[1][0] = value
    units, used, bases = {0: 0}, {0}, set()

    def place(node, at):
        labels = sorted(node[0]) + ([0] if node[1][0] is not None else [])
        base = 1
        while base in bases or any(base ^ label in used for label in labels) or (at ^ base) >= 1 << 21:
            base += 1
        bases.add(base)
        used.update(base ^ label for label in labels)
        units[at] = units.get(at, 0) | (at ^ base) << 10
        if node[1][0] is not None:
            units[at] |= 1 << 8
            units[base] = node[1][0] | 1 << 31
        for label in node[0]:
            units[base ^ label] = units.get(base ^ label, 0) | label
        for label, child in node[0].items():
            place(child, base ^ label)

    place(root, 0)
    size = (max(used) // 256 + 1) * 256
    return struct.pack(f"<{size}I", *(units.get(i, 0) for i in range(size)))


def charsmap(rules):
    entries, texts, offset = [], [], 0
    for source, target in rules.items():
        entries.append((source.encode(), offset))
        texts.append(target.encode() + b"\0")
        offset += len(texts[-1])
    array = trie(entries)
    return base64.b64encode(struct.pack("<I", len(array)) + array + b"".join(texts)).decode()


RULES = {"\t": " ", "\n": " ", "\u3000": " ", "\ufb01": "fi", "\u2460": "1", "e\u0301": "\u00e9", "\u00e9": "E", "a": "A", "a\u0301": "\u00e1", "\u0300": "",
         "\u200d": "", "\uff76\uff9e": "\u30ac", "\r": "", "\u6f22": "kan", "\u1100\u1161": "\uac00", "\u0915": "k", "\U0001f468": "m", "\u00ad": "", "\u0600": "n"}
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
NORMALIZERS = [
    None, {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"},
    {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Strip", "strip_left": True, "strip_right": False},
    {"type": "Strip", "strip_left": False, "strip_right": True}, {"type": "StripAccents"}, replace(" ", SPACE), replace("ab", ""),
    replace("", "-"), replace(r"\s+", " ", True), replace(r"[ab]|c+", "<x>", True), {"type": "Prepend", "prepend": SPACE}, {"type": "Nmt"},
    {"type": "Precompiled", "precompiled_charsmap": charsmap(RULES)}, BERT, {**BERT, "strip_accents": False}, {**BERT, "clean_text": False},
    {**BERT, "lowercase": False, "strip_accents": True}, {**BERT, "handle_chinese_chars": False, "lowercase": False}, {"type": "ByteLevel"},
    sequence("normalizers", {"type": "Nmt"}, {"type": "NFKC"}, replace(r" {2,}", " ", True), {"type": "Lowercase"}),
    sequence("normalizers", {"type": "Prepend", "prepend": SPACE}, replace(" ", SPACE)),
    sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
    sequence("normalizers", {"type": "Precompiled", "precompiled_charsmap": charsmap(RULES)}, {"type": "Strip", "strip_left": True, "strip_right": True}, replace(r" {2,}", SPACE, True)),
    sequence("normalizers", replace("``", '"'), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
             {"type": "Precompiled", "precompiled_charsmap": charsmap({"\ufb01": "fi", "\ufdfa": "\u0635\u0644\u0649"})}, replace(r" {2,}", " ", True)),
    sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": True}, replace("^", "x", True)),
    sequence("normalizers", sequence("normalizers"), {"type": "NFD"}, sequence("normalizers", {"type": "NFC"})),
]
METASPACE = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
PRE_TOKENIZERS = [
    None, METASPACE, {**METASPACE, "prepend_scheme": "first"}, {**METASPACE, "prepend_scheme": "never"}, {**METASPACE, "split": False},
    {**METASPACE, "prepend_scheme": "first", "split": False, "replacement": "_"}, BYTE_LEVEL, {**BYTE_LEVEL, "add_prefix_space": True},
    {**BYTE_LEVEL, "use_regex": False}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"},
    {"type": "Digits", "individual_digits": True}, {"type": "Digits", "individual_digits": False}, {"type": "CharDelimiterSplit", "delimiter": "a"},
    {"type": "Punctuation", "behavior": "Isolated"}, {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
    {"type": "Split", "pattern": {"Regex": "[a-c]+"}, "behavior": "MergedWithNext", "invert": False},
    {"type": "Split", "pattern": {"Regex": "\\w+|[^\\w\\s]+"}, "behavior": "Removed", "invert": True}, {"type": "UnicodeScripts"},
    sequence("pretokenizers", {"type": "WhitespaceSplit"}, METASPACE), sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, BYTE_LEVEL),
    sequence("pretokenizers", {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Removed"}),
]
SEQUENCE_A = {"Sequence": {"id": "A", "type_id": 0}}


def template(before, after, ids):
    tokens = {text: {"id": text, "ids": [ids[text]], "tokens": [text]} for text in before + after}
    parts = [[{"SpecialToken": {"id": text, "type_id": 0}} for text in side] for side in (before, after)]
    single = parts[0] + [SEQUENCE_A] + parts[1]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": tokens}


def post_processors(ids):
    pair = {"sep": ["</s>", ids["</s>"]], "cls": ["<s>", ids["<s>"]]}
    return [None, template(["<s>"], [], ids), template(["<s>", "<s>"], ["</s>"], ids), {"type": "BertProcessing", **pair},
            {"type": "RobertaProcessing", **pair, "trim_offsets": True, "add_prefix_space": True}, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
            sequence("processors", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}, template(["<s>"], ["</s>"], ids))]


DECODERS = [
    None, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, METASPACE, {**METASPACE, "prepend_scheme": "never"},
    {**METASPACE, "prepend_scheme": "first"}, {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "WordPiece", "prefix": "##", "cleanup": False},
    {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    {"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": False}, {"type": "Fuse"}, {"type": "ByteFallback"},
    {"type": "Strip", "content": "a", "start": 1, "stop": 0}, replace("a", "bb"), replace(r"[ab]+", "-", True), replace("^|b*$", "_", True),
    sequence("decoders", replace(SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}),
    sequence("decoders", {"type": "ByteFallback"}, METASPACE, {"type": "Fuse"}, replace("ab", "x")),
    sequence("decoders", {"type": "Fuse"}, METASPACE), sequence("decoders", {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 2, "stop": 0}),
    sequence("decoders", {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}, {"type": "BPEDecoder", "suffix": "</w>"}),
    sequence("decoders", {"type": "BPEDecoder", "suffix": "b"}, {"type": "Fuse"}, replace("aa", "y"), {"type": "WordPiece", "prefix": "##", "cleanup": True}),
    sequence("decoders", {"type": "Fuse"}, {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}, {"type": "ByteFallback"}),
    sequence("decoders", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, replace(r"a+", "", True), METASPACE),
]


def bytes_to_unicode():
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in visible]
    return [chr(b) for b in visible] + [chr(256 + i) for i in range(len(rest))]


def texts(rng, n, longest=4):
    """Random token texts over the alphabet."""
    out = dict.fromkeys(CHARACTERS)
    while len(out) < n:
        out["".join(rng.choice(CHARACTERS) for _ in range(rng.randint(1, longest)))] = None
    return list(out)


def bpe(rng, options):
    prefix, suffix = options.get("continuing_subword_prefix") or "", options.get("end_of_word_suffix") or ""
    alphabet = bytes_to_unicode() if options.pop("bytes", False) else CHARACTERS
    tokens = ["<unk>", "<s>", "</s>"] + alphabet + ([prefix + c for c in alphabet] if prefix else []) + ([c + suffix for c in alphabet] if suffix else [])
    if options.get("byte_fallback"):
        tokens += [f"<0x{b:02X}>" for b in range(256) if b != 0xE2 or rng.random() < 0.5]
    tokens = list(dict.fromkeys(tokens))
    known, merges = set(tokens), []
    sources = [t for t in tokens[3:] if not t.startswith("<0x")]
    for _ in range(300):
        left, right = rng.choice(sources), rng.choice(sources)
        if suffix and left.endswith(suffix) or prefix and not right.startswith(prefix):
            continue
        joined = left + right[len(prefix):]
        if joined not in known:
            known.add(joined), tokens.append(joined), sources.append(joined)
        if [left, right] not in merges:
            merges.append([left, right])
    if rng.random() < 0.5:
        merges = [" ".join(m) for m in merges if " " not in m[0] + m[1]]
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False, **options, "vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges}


def unigram(rng, byte_fallback, ties):
    tokens = ["<unk>", "<s>", "</s>"] + texts(rng, 250) + [SPACE + t for t in texts(rng, 120, 3)[40:]]
    if byte_fallback:
        tokens += [f"<0x{b:02X}>" for b in range(256)]
    score = (lambda: -rng.randint(1, 3)) if ties else (lambda: -rng.random() * 12)
    return {"type": "Unigram", "unk_id": 0, "vocab": [[t, score()] for t in dict.fromkeys(tokens)], "byte_fallback": byte_fallback}


def words(rng, kind, **options):
    tokens = ["<unk>", "<s>", "</s>", "[UNK]"] + texts(rng, 200)
    if kind == "WordPiece":
        prefix = options["continuing_subword_prefix"]
        tokens += [prefix + t for t in texts(rng, 150, 3)]
    return {"type": kind, "unk_token": "[UNK]", **options, "vocab": {t: i for i, t in enumerate(dict.fromkeys(tokens))}}


MODELS = [
    lambda r: bpe(r, {"unk_token": "<unk>"}), lambda r: unigram(r, False, False), lambda r: words(r, "WordPiece", continuing_subword_prefix="##", max_input_chars_per_word=100),
    lambda r: words(r, "WordLevel"), lambda r: bpe(r, {"bytes": True}), lambda r: unigram(r, True, False), lambda r: bpe(r, {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}),
    lambda r: unigram(r, False, True), lambda r: words(r, "WordPiece", continuing_subword_prefix="", max_input_chars_per_word=5), lambda r: bpe(r, {"byte_fallback": True, "ignore_merges": True}),
    lambda r: bpe(r, {"unk_token": "<unk>", "continuing_subword_prefix": "##"}), lambda r: bpe(r, {"unk_token": "<unk>", "end_of_word_suffix": "</w>", "fuse_unk": True}), lambda r: unigram(r, True, True),
]


def added_tokens(rng, model):
    vocab = model["vocab"]
    known = [entry[0] for entry in vocab] if isinstance(vocab, list) else list(vocab)
    wanted = ["<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>", "  ", "word", "[MASK]", "\u00c9t\u00e9", "<tool>"] + rng.sample(known[4:60], 3)
    added, largest = [], -1
    for i, text in enumerate(wanted):
        token_id = known.index(text) if text in known else max(largest + 1, len(known))
        largest = max(largest, token_id)
        flag = (lambda odds: rng.random() < odds)
        special = i < 6 or flag(0.3)
        # White space that takes white space along can be cut to less than nothing: Hugging Face aborts there. What Strip makes nothing of
        # cuts between all characters there.
        blank = not text.strip()
        added.append({"id": token_id, "content": text, "single_word": flag(0.2), "lstrip": flag(0.25) and not blank, "rstrip": flag(0.25),
                      "normalized": flag(0.2 if special else 0.6) and not blank, "special": special})
    return added, {token["content"]: token["id"] for token in added}


def documents(count=64, seed=1):
    for i in range(count):
        rng = random.Random(f"{seed}-{i}")
        model = MODELS[i % len(MODELS)](rng)
        pre_tokenizer = PRE_TOKENIZERS[(i * 7 + i // 24) % len(PRE_TOKENIZERS)]
        if model["type"] == "BPE" and "ByteLevel" in json.dumps(pre_tokenizer) and "\u0120" not in model["vocab"]:
            model["unk_token"] = "<unk>"  # bytes without a token and without an unknown token are refused by us
        added, ids = added_tokens(rng, model)
        processors = post_processors(ids)
        yield f"synthetic-{i:02}", {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": NORMALIZERS[i % len(NORMALIZERS)],
            "pre_tokenizer": pre_tokenizer, "post_processor": processors[i % len(processors)],
            "decoder": DECODERS[(i * 5 + i // 23) % len(DECODERS)], "model": model}


def write(folder, count=64, seed=1):
    paths = []
    for name, document in documents(count, seed):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document))
        paths.append(path)
    return paths


def small_models():
    tokens = ["<unk>", "<s>", "</s>", "[UNK]", "a", "b", "ab", "##b", SPACE, SPACE + "a", "\u00e9", "<0xC3>", "<0xA9>", ".", "b</w>", "a</w>", "ab</w>", "a##b"]
    vocab = {t: i for i, t in enumerate(tokens)}
    options = {"dropout": None, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "ignore_merges": False}
    yield {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    yield {"type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 10}
    yield {"type": "Unigram", "unk_id": 0, "vocab": [[t, -i / 3] for i, t in enumerate(tokens)], "byte_fallback": True}
    yield {"type": "BPE", **options, "vocab": vocab, "merges": ["a b", [SPACE, "a"]]}
    yield {"type": "BPE", **options, "vocab": vocab, "merges": ["a b</w>"], "end_of_word_suffix": "</w>"}
    yield {"type": "BPE", **options, "vocab": vocab, "merges": [], "continuing_subword_prefix": "##"}


def seeds(folder):
    """A seed of the fuzz target for every component: a text, a zero byte, a tokenizer.json."""
    models = list(small_models())
    small = {"type": "Precompiled", "precompiled_charsmap": charsmap({"a": "A", "\u00e9": "e", "a\u0301": "\u00e1"})}
    shorten = lambda part: json.loads(json.dumps(part).replace(json.dumps(charsmap(RULES)), json.dumps(small["precompiled_charsmap"])))
    ids = {"<s>": 1, "</s>": 2}
    processors = post_processors(ids)
    for i in range(max(len(NORMALIZERS), len(PRE_TOKENIZERS), len(DECODERS))):
        document = {"added_tokens": [{"id": 1, "content": "<s>", "special": True, "normalized": i % 2 == 0, "lstrip": i % 3 == 0},
                                     {"id": 18, "content": "word", "special": False, "single_word": i % 5 == 0, "rstrip": i % 4 == 0}],
                    "normalizer": shorten(NORMALIZERS[i % len(NORMALIZERS)]), "pre_tokenizer": PRE_TOKENIZERS[i % len(PRE_TOKENIZERS)],
                    "post_processor": processors[i % len(processors)], "decoder": DECODERS[i % len(DECODERS)], "model": models[i % len(models)]}
        text = "<s> a\u0301b ab. word\u00e9 \u6f22 do not</s>"
        (folder / f"component_{i:02}").write_bytes(text.encode() + b"\0" + json.dumps(document, ensure_ascii=False).encode())
