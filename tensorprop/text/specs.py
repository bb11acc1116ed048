"""Einsum specs as authors have them: several at once, pasted calls, ellipses, words between spaces.

In: text such as ``np.einsum("ij,jk->ik", A, B)`` or two specs on two lines. Out: for each an `EinsumSpec`, which gives
its System. What a spec of letters means is `einsum`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tensorprop.core.build import mul, sum_over, tensor
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.errors import AmbiguousNotation, TensorpropError, UsageError
from tensorprop.text.einsum import implicit_output, parse_einsum

__all__ = ["EinsumSpec", "default_names", "is_spec", "pasted"]

_CALL = re.compile(
    r"""^(?:(?P<out>[^\W\d]\w*)\s*=\s*)?(?:\w+\.)*(?:einsum|contract)\(\s*(?P<quote>["'])(?P<spec>[^"']*)(?P=quote)"""
    r"""(?P<names>(?:\s*,\s*[^\W\d][\w.]*)*)\s*(?:,\s*\w+\s*=[^,()]*)*,?\s*\)$"""
)
_HEAD = r"^(?:(?P<out>[^\W\d]\w*)\s*=\s*)?(?:\w+\.)*(?:einsum|contract)\(\s*"
_LAST = re.compile(  # einops: the arrays, then the pattern
    _HEAD + r"""(?P<names>(?:[^\W\d][\w.]*\s*,\s*)+)(?P<quote>["'])(?P<spec>[^"']*)(?P=quote)\s*,?\s*\)$"""
)
_LISTS = re.compile(  # each array with the numbers of its indices, then those of the result
    _HEAD + r"(?P<pairs>(?:[^\W\d][\w.]*\s*,\s*\[[\d\s,]*\]\s*,?\s*)+)(?P<last>\[[\d\s,]*\])?\s*,?\s*\)$"
)
_NUMBERED = "ijklmnopqrstuvwxyzabcdefgh"  # letters of the indices 0, 1, 2 …
_ALONE = 8  # letters of a word that may be a spec of one operand


@dataclass(frozen=True)
class EinsumSpec:
    """One spec: its text, the names of its operands and of its result where a call told them, its place in the text."""

    text: str
    names: tuple[str, ...] = ()
    out: str = ""
    place: int = 0
    words: bool | None = None  # whether words between spaces are one index each, where the call says so

    @property
    def leading(self) -> bool:
        """Whether an ellipsis stands for indices in front, on the right as well."""
        return "..." in self.text.partition("->")[2]

    def wide(self, names: str | Sequence[str] | None = None, words: bool | None = None) -> tuple[Equation, str] | None:
        """The equation with one index for those that the ellipsis stands for, and that index; None without one."""
        if not self.leading:
            return None
        words = self.words if words is None else words
        parts = re.findall(r"\w+", self.text) if words else re.findall(r"[^\W\d_]", self.text)
        letter = next(i for i in "nbstpqruvwxyzacdefghijklmo" if i not in parts)
        one = replace(self, text=self.text.replace("...", f" {letter} " if words else letter))
        given = names if names is not None else list(self.names) or default_names(self.text, bool(words))
        (eq,) = one.system(given, words)
        return eq, letter

    def system(self, names: str | Sequence[str] | None = None, words: bool | None = None) -> System:
        """The System of one equation that it stands for.

        Errors: those of `parse_einsum`, with the spec's number where there are several; AmbiguousNotation where words
        between spaces may be one index each, or several letters.
        """
        try:
            return self._system(names, words)
        except TensorpropError as error:
            if self.place:
                error.problem = f"spec {self.place}: {error.problem}"
            raise

    def _system(self, names: str | Sequence[str] | None, words: bool | None) -> System:
        words = self.words if words is None else words
        called = names.replace(",", " ").split() if isinstance(names, str) else None if names is None else list(names)
        called = called or (list(self.names) or None) or default_names(self.text, bool(words))
        taken = set(called)
        out = self.out or next(n for n in ("Y", "Z", "R", *(f"Y{n}" for n in range(len(taken) + 1))) if n not in taken)
        text = self.text
        if text.count("...") and self.leading:
            text = text.replace("...", "")
        if any(len(word) > 1 for word in re.split(r"[\s,]|->", text)) and " " in re.sub(
            r"\s*(,|->)\s*", r"\1", text.strip()
        ):
            if words is None:
                raise AmbiguousNotation(
                    f"{self.text!r} has words between spaces: one index each, as in einops, or letters, as in NumPy?",
                    fix="words=True for one index each, words=False for letters",
                )
            if words:
                return _of_words(text, called, out)
        return parse_einsum(text, names=called, out=out)


_VECTORS, _SCALARS, _MATRICES = "xyzuvwpqrst", "cdabefgh", "ABCDEFGHIJKLMNOPQRSTUVW"


def default_names(spec: str, words: bool = False) -> list[str]:
    """Names for operands that have none: small letters for vectors and numbers, capital ones for all else.

    >>> default_names("i,ij,j->"), default_names("bi,ij->bj")
    (['x', 'A', 'y'], ['A', 'B'])
    """
    operands = re.split(r"->|→", spec)[0].split(",")
    pools = {0: iter(_SCALARS), 1: iter(_VECTORS)}
    matrices = (f"{c}{n or ''}" for n in range(len(operands) + 1) for c in _MATRICES)
    out: list[str] = []
    for place in operands:
        rank = sum(word != "..." for word in place.split()) if words else sum(map(str.isalpha, place))
        out.append(next(pools.get(2 if "..." in place and rank > 1 else rank, matrices), None) or next(matrices))
    return out


def _of_words(text: str, called: list[str] | None, out: str) -> System:
    """Every word between spaces is an index."""
    left, arrow, right = text.partition("->")
    if not arrow:
        raise UsageError(f"{text!r} has no arrow", fix="write what is left: row col, col -> row")
    operands = [place.split() for place in left.split(",")]
    names = called or default_names(text, True)
    if len(names) != len(operands):
        raise UsageError(f"{len(operands)} operands and {len(names)} names")
    body = mul(*(tensor(n, *letters) for n, letters in zip(names, operands, strict=True)))
    kept = right.split()
    return system([equation(tensor(out, *kept), sum_over([i for i in sorted(body.free) if i not in kept], body))])


def pasted(text: str) -> list[EinsumSpec]:
    """The specs of a text; none if it holds equations.

    >>> [s.text for s in pasted("ij,jk->ik; ij,j->i")]
    ['ij,jk->ik', 'ij,j->i']
    >>> pasted('np.einsum("bi,ij->bj", x, W)')[0].names
    ('x', 'W')
    >>> pasted('np.einsum("ij,jk", A, B)')[0].text
    'ij,jk->ik'
    >>> pasted("y_i = A_ij x_j")
    []
    """
    lines = (line.partition("#")[0] for line in text.split("\n"))
    rows = [row.strip() for line in lines for row in line.split(";") if row.strip()]
    out: list[EinsumSpec] = []
    for n, row in enumerate(rows, 1):
        place = n if len(rows) > 1 else 0
        call = _CALL.match(row)
        other = _otherwise(row, place)
        if other is not None:
            out.append(other)
        elif call:
            names = [name.strip() for name in call["names"].split(",") if name.strip()]
            spec = call[
                "spec"
            ]  # a call says which library's convention is meant when it has no arrow, and all have one
            spec = spec if re.search("[-<>→]", spec) else f"{spec}->{implicit_output(spec)}"
            out.append(EinsumSpec(_upright(spec, names), tuple(map(_called, names)), call["out"] or "", place))
        elif re.search(r"\b(?:einsum|contract)\(", row):
            raise UsageError(
                f"{row!r} is more than one call of einsum on names",
                fix='give the call alone, np.einsum("ij,jk->ik", A, B), or the line to parse_formula',
            )
        elif is_spec(row):
            out.append(EinsumSpec(row, place=place))
        else:
            return []
    return out


def _otherwise(row: str, place: int) -> EinsumSpec | None:
    """A call that has its pattern last, as in einops, or lists of numbers in place of letters.

    >>> pasted('einsum(x, w, "b i, i o -> b o")')[0].text, pasted("np.einsum(A, [0, 1], B, [1, 2], [0, 2])")[0].text
    ('b i, i o -> b o', 'ij,jk->ik')
    """
    call = _LAST.match(row)
    if call:
        names = [name.strip() for name in call["names"].split(",") if name.strip()]
        return EinsumSpec(call["spec"], tuple(map(_called, names)), call["out"] or "", place, True)
    call = _LISTS.match(row)
    if not call:
        return None
    pairs = re.findall(r"([^\W\d][\w.]*)\s*,\s*\[([\d\s,]*)\]", call["pairs"])
    numbers = [[int(n) for n in re.findall(r"\d+", text)] for text in (*(p[1] for p in pairs), call["last"] or "")]
    if any(n >= len(_NUMBERED) for axes in numbers for n in axes):
        return None
    *into, last = ("".join(_NUMBERED[n] for n in axes) for axes in numbers)
    left = ",".join(into)
    if call["last"] is None:
        last = implicit_output(left)
    names = [p[0] for p in pairs]
    return EinsumSpec(_upright(f"{left}->{last}", names), tuple(map(_called, names)), call["out"] or "", place)


def _called(name: str) -> str:
    """A name of code as a tensor's: ``self.W``, ``W.T`` and ``w_out`` are W, W and wout."""
    parts = name.split(".")
    return (parts[-2] if parts[-1] in ("T", "mT") and len(parts) > 1 else parts[-1]).replace("_", "")


def _upright(spec: str, names: Sequence[str]) -> str:
    """The spec of arrays that are not transposed: ``ij,jk->ik`` of A and B.T is ``ij,kj->ik`` of A and B."""
    left, arrow, right = spec.partition("->")
    places = [place.strip() for place in left.split(",")]
    for k, name in enumerate(names[: len(places)]):
        turn = name.rpartition(".")[2]
        if "." in name and turn in ("T", "mT"):
            stay = len(places[k]) - 2 if turn == "mT" else 0
            if "." in places[k][stay:] or stay < 0:
                fix = f"write {name.rpartition('.')[0]}, and its axes in another order"
                raise UsageError(f"{name} transposes axes that the spec does not name", fix=fix)
            places[k] = places[k][:stay] + places[k][stay:][::-1]
    return ",".join(places) + arrow + right


def is_spec(text: str) -> bool:
    """Whether a line is an einsum spec, ``"bi,ij->bj"``, and not equations; also one that lacks its arrow."""
    if "=" in text:
        return False
    if "..." in text and re.fullmatch(r"[A-Za-z., ]+", text):
        return True
    letters = text.replace(",", "").replace(".", "").replace(" ", "")
    alone = text.islower() and len(text) <= _ALONE and letters == text
    bare = letters.isascii() and letters.isalpha() and ("," in text or alone)
    return "->" in text or "→" in text or bare
