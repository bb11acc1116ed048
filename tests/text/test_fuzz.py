"""20,000 random and mutated strings: nothing but a TensorpropError escapes, and every one shows its place."""

from __future__ import annotations

from collections import Counter
from random import Random

from tensorprop.errors import TensorpropError
from tensorprop.text import parse, show
from tests.text.test_readings import SPELLINGS, SUMS
from tests.text.test_show import VERBATIM

SEEDS = [t for pair in SPELLINGS + SUMS for t in pair] + VERBATIM
CHARACTERS = "abijkxyzWE_^{}()[]+-*/=;,.|' \n0123456789αβδΣσπ∂√·⊙²³⁻¹ᵢⱼ₀<>≤≥≠′\\#:!\"~@\0\u200bі"
PIECES = (
    "Σ_i |sum_j(|softmax_u(|max_k |δ_ij|∂y/∂x|^(k)|_{t-1}|[t ≥ u]|exp(|f′(|dim(i)|inv(X)_ij|det("
    "|\\frac{a}{b}|\\sum_{i}|^{2}|**|==|->|__x|W_ij|a_i|1e5|"
    + "9" * 30
    + "|δz_i|log_softmax_i(|leaky_relu(|partial |delta |\\mathrm{in}|[in, out]|e[tok_b]"
).split("|")


def strings(n: int, seed: int) -> list[str]:
    """Random characters, random pieces, and texts in which something was cut, put in or put elsewhere."""
    r = Random(seed)
    made: list[str] = []
    for _ in range(n):
        kind = r.random()
        if kind < 0.15:
            text = "".join(r.choice(CHARACTERS) for _ in range(r.randint(0, 40)))
        elif kind < 0.4:
            text = "y_i = " + " ".join(r.choice(PIECES) for _ in range(r.randint(1, 8)))
        else:
            text = r.choice(SEEDS)
            for _ in range(r.randint(1, 4)):
                at = r.randint(0, len(text))
                new = r.choice(("", r.choice(CHARACTERS), r.choice(PIECES), r.choice(SEEDS)[: r.randint(0, 20)]))
                text = text[:at] + new + text[at + r.randint(0, 3) :]
        made.append(text)
    return made


def test_only_errors_of_our_own_escape() -> None:
    seen: Counter[str] = Counter()
    for n, text in enumerate(strings(8_000, seed=2024)):
        try:
            s = parse(text, convention="einsum" if n % 3 == 0 else "strict")
        except TensorpropError as e:
            seen[e.kind] += 1
            assert e.problem and e.text == text, (text, e.kind)
            assert e.span is not None and 0 <= e.span[0] <= e.span[1] <= len(text), (text, e.kind, e.span)
            assert str(e).count("^") >= 1
        else:
            seen["read"] += 1
            assert parse(show(s)) is s, text
            assert parse(show(s, ascii=True)) is s, text
    assert seen["read"] > 200
    assert len(seen) > 18  # the strings reach most of what can go wrong
