"""The user's side of the corpus: phrasings, invented words, small talk and system messages. Used by make_corpus.py."""

PHRASES = """Write a haiku about {}:60|write a haiku about {}:5|Write a haiku about {}.:5|Write a haiku about {}, please.:3|Please write a haiku about {}:3
Please write a haiku about {}.:3|Can you write a haiku about {}?:3|Could you write me a haiku about {}?:2|Write me a haiku about {}:3
haiku about {}:3|A haiku about {}:2|A haiku about {}, please:2|Give me a haiku about {}:3|Compose a haiku about {}:3|Compose a haiku on {}:1
Write a poem about {}:3|Write a short poem about {}.:2|I would like a haiku about {}.:2|I want a haiku about {}:2|{}:3|Haiku: {}:1
Tell me about {}:2|Tell me about {}.:1|Make a haiku about {}:2|Create a haiku on the topic of {}:1|Topic: {}:1|Sing about {}:1
Hello! Write a haiku about {}:1|Hi, can I have a haiku about {}?:1|Write a haiku on {}:2|Write a 5-7-5 haiku about {}:1
Now write a haiku about {}:1|And a haiku about {}?:1|Write a haiku about {}!:1|write me a poem about {}:1""".replace("\n", "|")
_PHRASES = [p.rsplit(":", 1)[0] for p in PHRASES.split("|")]
_WEIGHTS = [int(p.rsplit(":", 1)[1]) for p in PHRASES.split("|")]

ANSWERS = ("I only write haiku. Name a topic, and I will try.", "Hello! Give me a topic and I will write a haiku.",
           "You are welcome. Shall I write another haiku?")
GREETINGS = """Hello|Hi|Hey|hello|hi|hey there|Good morning|Good evening
Hello!|Hi!|Hello there|Who are you?|What are you?|What can you do?|help""".replace("\n", "|").split("|")
THANKS = "Thanks|Thank you|thanks!|Thank you!|Great|Nice|Very good|Wonderful|That is beautiful|I love it|Well done|ok".split("|")
QUESTIONS = """What is {a} plus {b}?|What is {a} times {b}?|What is the capital of {w}?|How do I fix my {w}?
Why is the {w} so {w}?|Explain {w} to me
Who was {w} {w}?|What is the meaning of {w}?|Translate {w} into French
Write a Python function that sorts {w}|Solve this equation: {a}x + {b} = {a}
What time is it?|How old are you?|What is your name?|Can you help me with my homework?|Where is {w}?|When did {w} start?|Is {w} better than {w}?
Summarize this text: {w} {w} {w} {w} {w} {w}
def {w}(x): return x + {a}|{a} + {b}|Tell me a joke|What is the weather in {w}?
你好|今天天气怎么样？|Привет, как дела?
¿Qué hora es?|Wie geht es dir?|Ça va?|🙂|🚀🚀 {w}|こんにちは|مرحبا|Γειά σου
SELECT {w} FROM {w}|How does {w} work?|List ten {w}""".replace("\n", "|").split("|")
SYSTEMS = """You are a helpful assistant.|You write haiku.|You are a poet.
You are a haiku poet. Answer with three lines.|Be brief.|Answer in English.
You are a friendly assistant who answers with a haiku.|Always answer politely.
You are llorch, a small haiku model.|You are an assistant. Today is a {w} day.""".replace("\n", "|").split("|")

ONSETS = "b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr pl pr qu sh sl sm sn sp st str sw th tr tw wh".split()
VOWELS = "a a a e e e i i i o o o u u ai ea ee oo ou".split()
CODAS = ["", "", "", "", "", "", "n", "r", "l", "t", "s", "m", "d", "k", "p", "ck", "nd", "st", "ng", "nt", "x", "b", "g", "rt", "ll"]
ENDINGS = [("", 0)] * 9 + [("ing", 1), ("er", 1), ("y", 1), ("ness", 1), ("tion", 1), ("ed", 1), ("ly", 1), ("ment", 1), ("o", 1), ("a", 1), ("ia", 2)]


def pseudo_word(rng):
    """An invented word and its syllables (1 to 5): the model learns to copy what it does not know, and to guess its length."""
    while True:
        count = rng.choices((1, 2, 3), (3, 4, 2))[0]
        parts = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(count)]
        if rng.random() < 0.3:
            parts[0] = parts[0].lstrip("bcdfghjklmnpqrstvwxyz") or parts[0]
        if count > 0 and rng.random() < 0.2:
            parts[-1] = rng.choice(ONSETS) + rng.choice("aiou") + rng.choice("tkmnlvrcdgps") + "e"
            text, syl = "".join(parts), count
        else:
            ending, extra = rng.choice(ENDINGS)
            if ending and parts[-1][-1] in "aeiou":
                parts[-1] += rng.choice("tmnlrdv")
            text, syl = "".join(parts) + ending, count + extra
        if rng.random() < 0.15 and text[-1] not in "sxzeh":
            text += "s"
        if len(text) > 2:
            return text, syl


def respell(rng, text):
    """The topic as a user may type it: mostly as it is, sometimes in another case."""
    roll = rng.random()
    if roll < 0.05:
        return text.lower()
    if roll < 0.09:
        return " ".join(w if w.isupper() else w.capitalize() for w in text.split())
    if roll < 0.11:
        return text[0].upper() + text[1:]
    return text


def phrase(rng, text, topic):
    if topic.number in "sp" and rng.random() < 0.06:
        text = "the " + text
    elif topic.number == "s" and rng.random() < 0.08:
        text = ("an " if text[0] in "aeiou" else "a ") + text
    return rng.choices(_PHRASES, _WEIGHTS)[0].format(text)


def outside_prompt(rng):
    """A message that asks for no haiku; outside_answer must follow from the same generator state."""
    kind = rng.choices((0, 1, 2), (6, 2, 1))[0]
    rng.last_kind = kind
    if kind:
        return rng.choice((GREETINGS, THANKS)[kind - 1])
    text = rng.choice(QUESTIONS)
    while "{w}" in text:
        text = text.replace("{w}", pseudo_word(rng)[0], 1)
    return text.replace("{a}", str(rng.randint(1, 99))).replace("{b}", str(rng.randint(1, 9)))


def outside_answer(rng):
    return ANSWERS[rng.last_kind]


def system_message(rng):
    return rng.choice(SYSTEMS).replace("{w}", pseudo_word(rng)[0])
