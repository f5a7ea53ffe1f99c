"""Trains builtin:haiku on the CPU: corpus -> tokenizer -> model -> export. Run make_corpus.py first.

    train.py [--minutes 25] [--steps N] [--seed 1]

The schedule follows the clock (or --steps, which makes a run repeatable): cosine learning rate to zero at the end of the time. A
checkpoint is kept in build/ every five minutes; --resume goes on from it. Loss counts the assistant's answers only.
"""
import argparse
import json
import math
import pathlib
import random
import time
from concurrent.futures import ThreadPoolExecutor

from model import Config, Haiku, generate, init_parameters, torch
from tokenizer import END, SPECIALS, Tokenizer, render, train_merges
import export

BUILD = pathlib.Path(__file__).resolve().parent / "build"
IGNORE = -100


def read_corpus():
    return [json.loads(line) for line in (BUILD / "corpus.jsonl").open()]


def make_tokenizer(corpus, vocab):
    texts = [m["content"] for messages in corpus[:60000] for m in messages]
    return Tokenizer(train_merges(texts, vocab - len(SPECIALS) - 256))


def encode(tokenizer, messages):
    """(ids, targets): the target of a position is the next id inside an assistant answer, else IGNORE."""
    ids, targets = [], []
    for m in messages:
        body = tokenizer.encode(m["content"]) + [END]
        ids += [tokenizer.id_of[f"<|{m['role']}|>"]] + body
        targets += (body if m["role"] == "assistant" else [IGNORE] * len(body)) + [IGNORE]
    return ids, targets


def short_batches(rows, size, rng):
    """Batches of `size` conversations of similar length, shuffled, for ever."""
    while True:
        rng.shuffle(rows)
        for start in range(0, len(rows), size * 64):
            pool = sorted(rows[start:start + size * 64], key=lambda r: len(r[0]))
            batches = [pool[i:i + size] for i in range(0, len(pool), size)]
            rng.shuffle(batches)
            yield from batches


def long_batches(rows, size, context, rng):
    """Batches of `size` rows that are `context` tokens of conversations in sequence, for ever."""
    while True:
        batch = []
        for _ in range(size):
            ids, targets = [], []
            while len(ids) < context:
                more = rng.choice(rows)
                ids, targets = ids + more[0], targets + more[1]
            batch.append((ids[:context], targets[:context]))
        yield batch


def loss_of(model, batch):
    T = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([i + [END] * (T - len(i)) for i, _ in batch])                 # [B, T]
    targets = torch.tensor([t + [IGNORE] * (T - len(t)) for _, t in batch]).view(-1)
    where = (targets != IGNORE).nonzero()[:, 0]                                      # answers only: [n]
    hidden = model.hidden(ids).view(-1, model.c.dim)[where]
    return torch.nn.functional.cross_entropy(model.logits(hidden), targets[where], reduction="sum"), len(where)


def step_gradients(model, batch, pool, workers):
    """Sets .grad of every parameter to the gradient of the mean loss; each worker takes a share of the batch. -> mean loss."""
    params = list(model.p.values())

    def share(part):
        loss, n = loss_of(model, part)
        return loss.item(), n, torch.autograd.grad(loss, params)

    results = list(pool.map(share, [batch[i::workers] for i in range(workers)]))
    total = sum(n for _, n, _ in results)
    for p, *grads in zip(params, *(g for *_, g in results)):
        p.grad = sum(grads) / total
    return sum(loss for loss, *_ in results) / total


def orthogonal(m):
    """The matrix's nearest orthogonal one, roughly: five Newton-Schulz steps (Muon, Jordan et al. 2024)."""
    x = (m.T if m.shape[0] > m.shape[1] else m) / (m.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if m.shape[0] > m.shape[1] else x


class Muon:
    """Momentum with orthogonal steps, for the matrices of the blocks; embeddings and norms stay with AdamW."""

    def __init__(self, params, momentum=0.95, weight_decay=0.05):
        self.params, self.momentum, self.decay = params, momentum, weight_decay
        self.velocity = [torch.zeros_like(p) for p in params]

    @torch.no_grad()
    def step(self, rate, pool):
        def one(p, v):
            v.mul_(self.momentum).add_(p.grad)
            update = orthogonal(p.grad + self.momentum * v)
            p.mul_(1 - rate * self.decay).add_(update, alpha=-rate * max(1, p.shape[0] / p.shape[1]) ** 0.5)
        list(pool.map(torch.no_grad()(one), self.params, self.velocity))


def show(model, tokenizer):
    topics = ("GPU computing", "silent rivers", "winter moonlight", "pizza")
    prompts = [tokenizer.encode(render([{"role": "user", "content": f"Write a haiku about {t}"}])) for t in topics]
    for text in generate(model, prompts, 48):
        print("    " + tokenizer.decode(text).replace("\n", " / "), flush=True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--minutes", type=float, default=25)
    args.add_argument("--steps", type=int, default=0, help="train this many steps instead of --minutes")
    args.add_argument("--batch", type=int, default=64)
    args.add_argument("--workers", type=int, default=2, help="threads, each with a share of every batch")
    args.add_argument("--rate", type=float, default=3e-3)
    args.add_argument("--block-rate", type=float, default=0.02, help="Muon's rate, for the matrices of the blocks")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--resume", action="store_true", help="start from the weights and tokenizer in build/")
    args.add_argument("--limit", type=int, default=0, help="read only this many conversations")
    args = args.parse_args()
    pool = ThreadPoolExecutor(args.workers)
    rng = random.Random(args.seed)
    corpus = read_corpus()
    rng.shuffle(corpus)
    config = Config()
    if args.resume:
        tokenizer = Tokenizer.load(BUILD / "merges.json")
        params = torch.load(BUILD / "checkpoint.pt")
    else:
        tokenizer = make_tokenizer(corpus, config.vocab)
        tokenizer.save(BUILD / "merges.json")
        params = init_parameters(config, args.seed)
    assert len(tokenizer.tokens) == config.vocab, len(tokenizer.tokens)
    rows = [encode(tokenizer, m) for m in corpus]
    turns = [sum(m["role"] == "user" for m in c) for c in corpus]
    short = short_batches([r for r, n in zip(rows, turns) if n == 1], args.batch, rng)
    long = long_batches([r for r, n in zip(rows, turns) if n > 1], 4, config.context, rng)
    for p in params.values():
        p.requires_grad_(True)
    model = Haiku(config, params)
    n_tokens = sum(len(ids) for ids, _ in rows)
    print(f"{sum(p.numel() for p in params.values())} parameters, {len(rows)} conversations, {n_tokens} tokens", flush=True)
    blocks = [p for name, p in params.items() if p.dim() > 1 and "embed" not in name]
    muon = Muon(blocks)
    others = [p for name, p in params.items() if p.dim() == 1 or "embed" in name]
    optimizer = torch.optim.AdamW(others, lr=args.rate, betas=(0.9, 0.98), weight_decay=0)
    start, step, mean, saved = time.time(), 0, 0.0, time.time()
    while True:
        done = step / args.steps if args.steps else (time.time() - start) / (60 * args.minutes)
        if done >= 1:
            break
        schedule = min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        optimizer.param_groups[0]["lr"] = args.rate * schedule
        loss = step_gradients(model, next(long) if step % 12 == 11 else next(short), pool, args.workers)
        torch.nn.utils.clip_grad_norm_(params.values(), 1.0)
        optimizer.step()
        muon.step(args.block_rate * schedule, pool)
        step += 1
        mean = loss if step == 1 else 0.98 * mean + 0.02 * loss
        if step % 100 == 0:
            print(f"step {step} loss {mean:.4f} done {done:.3f} {(time.time() - start) / step:.3f} s/step", flush=True)
        if step % 500 == 0:
            show(model, tokenizer)
        if time.time() - saved > 300:
            torch.save({n: p.detach() for n, p in params.items()}, BUILD / "checkpoint.pt")
            saved = time.time()
    params = {n: p.detach() for n, p in params.items()}
    torch.save(params, BUILD / "checkpoint.pt")
    print(f"{step} steps in {(time.time() - start) / 60:.1f} minutes, loss {mean:.4f}")
    export.export_all(config, params, tokenizer)


if __name__ == "__main__":
    main()
