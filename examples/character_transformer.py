"""A tiny transformer writes a text letter by letter: it spells words backwards, and shows which letters it looks at.

The text is made here, lines as "garden>nedrag.", of random words.  As every language model, the network sees a line
up to some place and answers which character comes next: attention has to find the right letter, and the end.

    h = letter(x_l) + place(l)              embeddings, vectors of 32 numbers
    h = h + attention(norm(h))              each place looks at itself and at earlier ones: the causal mask
    h = h + MLP(norm(h))                    these two lines twice;  then  logits = W norm(h) + b

Run:    .venv/bin/python examples/character_transformer.py
Prints: the cost (the mean -log p of the characters after ">") and the accuracy on new words as it learns, where it
        looks, words that it writes itself, then "ok".
Try:    is_causal=False.  It sees the answer, has 100% right, and cannot write one word.
"""

import numpy as np

import nn
from nn.layers import GELU, Embedding, LayerNorm, Linear, MultiheadAttention, Residual
from tinygrad_edu import no_grad

CHARACTERS, L, E = "abcdefghijklmnopqrstuvwxyz>.", 18, 32  # L: the longest line, E: the numbers in a vector
rng = np.random.default_rng(0)


def numbers(words):
    """The lines of the words, a number for each character: (S, L), filled up with full stops."""
    return np.array([[CHARACTERS.index(c) for c in f"{word}>{word[::-1]}".ljust(L, ".")] for word in words])


def random_lines(n):
    """Words of 5 to 8 letters: with 5 alone 12 million are possible, so that hardly one ever comes twice."""
    return numbers("".join(CHARACTERS[i] for i in rng.integers(0, 26, rng.integers(5, 9))) for _ in range(n))


class Attention(nn.Module):
    """h (S, L, E) -> (S, L, E); `looked` (S, L, L) is how much each place looked at each, the last time."""

    def __init__(self):
        self.norm, self.attention = LayerNorm(E), MultiheadAttention(E, 4, batch_first=True, rng=rng)

    def forward(self, h):
        n = self.norm(h)
        seen, looked = self.attention(n, n, n, is_causal=True)
        self.looked = looked.data
        return seen


class Transformer(nn.Module):
    """Characters (S, L) -> logits of the next one (S, L, 28)."""

    def __init__(self):
        self.letter, self.place = Embedding(len(CHARACTERS), E, rng=rng), Embedding(L, E, rng=rng)
        mlps = [
            nn.Sequential(LayerNorm(E), Linear(E, 4 * E, rng=rng), GELU("tanh"), Linear(4 * E, E, rng=rng))
            for _ in "12"
        ]
        self.blocks = nn.Sequential(*(Residual(m) for mlp in mlps for m in (Attention(), mlp)))
        self.output = nn.Sequential(LayerNorm(E), Linear(E, len(CHARACTERS), rng=rng))

    def forward(self, x):
        return self.output(self.blocks(self.letter(x) + self.place(np.arange(x.shape[1]))))


def cost_and_accuracy(net, lines):
    x, y = lines[:, :-1], lines[:, 1:]  # the characters, and what comes next
    known = (np.cumsum(x == 26, axis=1) > 0) & (x != 27)  # from ">" to the full stop; before, nobody can know
    logits = net(x)[known]
    return nn.CrossEntropyLoss()(logits, y[known]), np.mean(logits.data.argmax(axis=1) == y[known])


net, new = Transformer(), random_lines(500)
optimizer = nn.optim.Adam(net.parameters(), lr=0.003)
print(f"A network of {sum(p.size for p in net.parameters()):,} numbers")
for update in range(251):
    if update % 50 == 0:
        with no_grad():
            cost, accuracy = cost_and_accuracy(net, new)
        print(f"update {update:3d}   500 new words: cost {cost.item():.4f}, {accuracy:6.1%} of the characters right")
    cost, _ = cost_and_accuracy(net, random_lines(64))
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()

with no_grad():
    net(numbers(["garden"]))
    print("\nsees       writes   and looks at " + "    ".join("garden>") + "    (else: at what it wrote)")
    for place in range(6, 13):
        shares = net.blocks[2].module.looked[0, place, :7]
        print(f"{'garden>nedrag'[: place + 1]:14s}{'garden>nedrag.'[place + 1]}            ", end="")
        print("".join(f"{share:5.0%}" for share in shares))
    print("\nIt writes:", end="")
    right = 0
    for word in ("planet", "letters", "drawer", "backward"):
        x = numbers([word])[:, : len(word) + 1]
        while x[0, -1] != 27 and x.shape[1] < L:  # what it wrote is part of what it sees next
            x = np.append(x, net(x).data[:, -1].argmax(axis=1, keepdims=True), axis=1)
        line = "".join(CHARACTERS[i] for i in x[0])
        right += line == f"{word}>{word[::-1]}."
        print(f"   {line}", end="")
if not (accuracy > 0.98 and right >= 3):
    raise SystemExit(f"\nfailed: expected 98% of the characters right, and 3 words: got {accuracy:.1%}, {right}")
print(f"\nok: {accuracy:.1%} of the characters are right in 500 new words, and {right} of the 4 words that it wrote")
