"""Writes golden.json: prompts, token ids and greedy answers of the exported weights in float32, for the tests of the C++ engine."""
from export import HERE, load, write_json
from model import generate
from tokenizer import render

CONVERSATIONS = [
    [{"role": "user", "content": "Write a haiku about GPU computing"}],
    [{"role": "user", "content": "Write a haiku about silent rivers"}],
    [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Hello"},
     {"role": "assistant", "content": "Hello! Give me a topic and I will write a haiku."},
     {"role": "user", "content": "Please write a haiku about winter moonlight"}]]


def main():
    model, tokenizer = load()
    cases = []
    for messages in CONVERSATIONS:
        prompt, margins = render(messages), []
        ids = tokenizer.encode(prompt)
        out = generate(model, [ids], 40, margins=margins)[0]
        if len(margins) > len(out):
            out.append(0)     # the end token, which generate() cuts
        cases.append({"messages": messages, "prompt": prompt, "prompt_ids": ids, "output_ids": out, "text": tokenizer.decode(out),
                      "smallest_margin": round(min(margins), 4)})
        print(cases[-1]["text"], cases[-1]["smallest_margin"], sep="\n")
    write_json(HERE / "golden.json", cases)


if __name__ == "__main__":
    main()
