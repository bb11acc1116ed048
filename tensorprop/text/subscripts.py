"""Subscripts and layer labels, in every spelling.

In: the tokens after a name. Out: subscripts as nodes, and their letters as often as they stand there. This file does
not know what the name stands for.
"""

from __future__ import annotations

import re
from typing import NoReturn

from tensorprop.core.build import add, call, mul, number, power
from tensorprop.core.expr import Dim, Expr, Index, Number, Tensor
from tensorprop.core.walk import postorder
from tensorprop.errors import AmbiguousNotation, MissingIndex, UnbalancedBracket, UnexpectedChar
from tensorprop.text.characters import GREEK, LETTERS, lower
from tensorprop.text.cursor import Cursor
from tensorprop.text.doubts import unbracketed
from tensorprop.text.implied import Leaf
from tensorprop.text.limits import layer

__all__ = ["COMPACT", "LABEL", "Subscripts", "label_text"]

_LABELS = rf"(?:[{LETTERS}0-9]|\\[A-Za-z]+)(?:[{LETTERS}0-9+\-, ]|\\[A-Za-z]+)*"
LABEL = re.compile(rf"\^\s*(?:\(\s*({_LABELS})\)|\{{\s*\(\s*({_LABELS})\)\s*\}}|\{{\s*\[\s*({_LABELS})\]\s*\}})")
COMPACT = re.compile(rf"[{LETTERS}]+")
_SUBSCRIPT = re.compile("[_\\[ₐ-ₜᵢ-ᵪⱼ₀-₎]")


WANTED = "a subscript is an index, a whole number, a form such as 2x + u - 1, or an entry such as tok_bt"
MAX_SUBSCRIPT = 10**18


def label_text(m: re.Match[str]) -> str:
    """A layer label as it is kept: ``k+1`` of ``^{(k + 1)}``, ``ℓ`` of ``^{[\\ell]}``."""
    label = next(g for g in m.groups() if g)
    return re.sub(r"\\([A-Za-z]+)", lambda g: GREEK.get(g[1], g[0]), label).replace(" ", "")


class Subscripts(Cursor):
    """Reads what names bear."""

    def followed_by_subscript(self, at: int) -> bool:
        return _SUBSCRIPT.match(self.text, at) is not None

    def labelled(self, p: int) -> bool:
        """Whether a raised layer label follows the name at ``p``, in one of its two spellings."""
        m = LABEL.match(self.text, self.starts[p + 1]) if self.kinds[p + 1] == "^" else None
        return m is not None and (m[1] is None or self.followed_by_subscript(m.end()))

    def take_label(self, m: re.Match[str]) -> str:
        while self.starts[self.p] < m.end() and self.kinds[self.p] != "end":
            self.p += 1
        return f"^({label_text(m)})"

    def _letters(self, run: str, at: int, subscripts: list[Expr], letters: list[str]) -> None:
        for k, c in enumerate(run):
            i = self.letters.get(c)
            if i is None:
                i = self.letters[c] = Index(c)
            subscripts.append(i)
            letters.append(c)
            if self.spans is not None:
                self.spans.setdefault(i, (at + k, at + k + 1))
                self.marks.append((at + k, at + k + 1))

    def subscripts(self, subscripts: list[Expr], letters: list[str], name: int) -> bool:
        """The list of subscripts at once after a name, in any spelling; whether there is one."""
        p = self.p
        k = self.kinds[p]
        if k == "u":
            self.p = p + 1
            self._run(lower(self.texts[p]), p, subscripts, letters)
            return True
        if k == "s":
            self.p = p + 1
            token = self.texts[p]
            if token == "_":
                if self.texts[p + 1] in GREEK.values() and self.starts[p + 1] == self.ends[p]:  # W_\\alpha
                    self.p = p + 2
                    self._letters(self.texts[p + 1], self.starts[p + 1], subscripts, letters)
                    return True
                shown = self.text[self.starts[name] : self.ends[p]]
                word = self.texts[name]
                self.fail(
                    MissingIndex,
                    f'"{shown}" ends with an underscore but no index follows',
                    (self.starts[name], self.ends[p]),
                    f'write "{word}_i", or "{word}" for a scalar',
                )
            if token != "_{":
                self._run(token[1:], p, subscripts, letters)
                return True
            self.braces(p, subscripts, letters)
            return True
        if k == "[" and self.starts[p] == self.ends[p - 1] and not self._relates(p):
            self.p = p + 1
            if self.kinds[self.p] == "]":
                self.p += 1
                return True
            self.list_of(p, "]", subscripts, letters)
            return True
        return False

    def _run(self, run: str, p: int, subscripts: list[Expr], letters: list[str]) -> None:
        """Compact subscripts with digits or signs in them: ``z_0``, ``hₜ₋₁``."""
        span = (self.starts[p], self.ends[p])
        at = span[1] - len(run)
        if COMPACT.fullmatch(run):
            self._letters(run, at, subscripts, letters)
            return
        if run.isdigit() and len(run) == 1:
            subscripts.append(number(int(run)))
            self.marks.append(span)
            return
        m = re.fullmatch(rf"([{LETTERS}])([+-])([0-9]{{1,9}}|[{LETTERS}])", run)
        if m is not None:
            right: Expr = number(int(m[3])) if m[3].isdigit() else Index(m[3])
            subscripts.append(add(Index(m[1]), mul(number(-1), right) if m[2] == "-" else right))
            self.marks.append(span)
            letters.append(m[1])
            if not m[3].isdigit():
                letters.append(m[3])
            return
        split = re.findall(rf"[{LETTERS}]|[0-9]", run)
        name = re.findall(rf"[{LETTERS}][0-9]*|[0-9]+", run)
        other = f"[{', '.join(name)}]"
        if name == split:  # W_1i: only as a part of the name can the digits be read otherwise
            digits = re.match("[0-9]*", run)
            held = digits[0] if digits else ""
            stem = re.search(rf"[{LETTERS}][{LETTERS}0-9]*_?$", self.text[: at - (self.text[at - 1] == "{")])
            other = f"{stem[0].rstrip('_') if stem else 'W'}{held}_{run[len(held) :]}"
        self.fail(
            AmbiguousNotation,
            f"the subscripts {run} have two readings",
            span,
            f"write [{', '.join(split)}], or {other}",
        )

    def tensor(
        self, name: str, subscripts: tuple[Expr, ...], p: int, marks: list[tuple[int, int]] | None = None
    ) -> Tensor:
        """The entry whose name stands at token ``p``; its subscripts' places are kept where places are wanted."""
        self.names.setdefault(name, p)
        node = Tensor(name, subscripts)
        if self.spans is not None:
            for k, s in enumerate(subscripts):
                mark = marks[k] if marks and len(marks) == len(subscripts) else self.spans.get(s)
                if mark is not None:
                    self.spans.setdefault((node, k), mark)
        return node

    def braces(self, p: int, subscripts: list[Expr], letters: list[str]) -> None:
        """``_{…}``: one index per letter, or a list with commas, or one affine form of single letters."""
        kinds = self.kinds
        q, commas, level = p + 1, False, 0
        while kinds[q] not in ("end", ";"):
            k = kinds[q]
            if k == "}" and level == 0:
                break
            if k in ("{", "(", "[") or (k == "s" and self.texts[q] == "_{"):
                level += 1
            elif k in ("}", ")", "]"):
                level -= 1
            elif k == "," and level == 0:
                commas = True
            q += 1
        if kinds[q] != "}":
            self.fail(
                UnbalancedBracket,
                '"_{" is never closed',
                (self.starts[p], self.ends[p]),
                'write the "}" that belongs to it',
            )
        self.p = p + 1
        if q == p + 1:
            self.fail(
                MissingIndex,
                "the braces hold no index",
                (self.starts[p], self.ends[q]),
                "write the indices, or leave the subscript out",
            )
        inside = kinds[p + 1 : q]
        if not commas and all(k == "N" for k in inside):
            for m in range(p + 1, q):
                word = self.texts[m]
                if not COMPACT.match(word):
                    self.unexpected(m, WANTED)
                if not COMPACT.fullmatch(word):
                    self._run(word, m, subscripts, letters)
                else:
                    self._letters(word, self.starts[m], subscripts, letters)
            self.p = q + 1
            return
        if not commas and not any(k in ("T", "s", "u", "[") for k in inside):
            for m in range(p + 1, q):
                word = self.texts[m]
                if (kinds[m] == "N" and len(word) > 1) or (kinds[m] == "n" and len(word) > 1 and q == p + 2):
                    shown = self.text[self.starts[p + 1] : self.ends[q - 1]]
                    self.fail(
                        AmbiguousNotation,
                        f"the subscripts {shown} have two readings",
                        (self.starts[m], self.ends[m]),
                        f"separate them by commas: [{shown.replace(word, ', '.join(word))}], or [{shown}]",
                    )
            if kinds[p + 1] == "n" and kinds[p + 2] == "N" and q == p + 3 and self.starts[p + 2] == self.ends[p + 1]:
                self._run(self.texts[p + 1] + self.texts[p + 2], p + 1, subscripts, letters)
                self.p = q + 1
                return
        self.list_of(p, "}", subscripts, letters)

    def list_of(self, opener: int, closer: str, subscripts: list[Expr], letters: list[str]) -> None:
        """Affine forms between commas, up to the closing bracket."""
        self.enter(opener)
        while True:
            at = self.p
            node = self.affine(letters)
            subscripts.append(node)
            if self.spans is not None:
                self.spans.setdefault(node, (self.starts[at], self.ends[self.p - 1]))
                self.marks.append((self.starts[at], self.ends[self.p - 1]))
            if self.kinds[self.p] != ",":
                break
            self.p += 1
        if self.kinds[self.p] != closer:
            k = self.kinds[self.p]
            if k in ("end", ";", "="):
                self.fail(
                    UnbalancedBracket,
                    f'"{self.texts[opener]}" is never closed',
                    (self.starts[opener], self.ends[opener]),
                    f'write the "{closer}" that belongs to it',
                )
            self.unexpected(self.p, WANTED)
        self.p += 1
        self.depth -= 1

    def affine(self, letters: list[str]) -> Expr:
        """``2x + u - 1``."""
        terms: list[Expr] = []
        k = self.kinds[self.p]
        while True:
            minus = k == "-"
            if k in ("+", "-"):
                self.p += 1
            factors: list[Expr] = []
            while True:
                factors.append(self.affine_factor(letters))
                size = not factors[-1].free and not isinstance(factors[-1], Number)
                while self.kinds[self.p] == "/" and (size or self.texts[self.p + 1] == "dim"):
                    factors.append(self.divisor(letters))
                if self.kinds[self.p] == "*":
                    self.p += 1
                elif self.kinds[self.p] not in ("n", "N", "T", "(", "|"):
                    break
            if sum(1 for f in factors if f.free) > 1:
                self.unexpected(self.p - 1, "a subscript is no product of indices", "separate two indices by a comma")
            term = mul(*factors)
            terms.append(mul(number(-1), term) if minus else term)
            k = self.kinds[self.p]
            if k not in ("+", "-"):
                return add(*terms)

    def divisor(self, letters: list[str]) -> Expr:
        """What a size is divided by: ``dim(x, 1)/2``, ``dim(q, 0)/dim(k, 0)``."""
        p = self.p + 1
        if self.kinds[p] == "N" and self.texts[p] == "dim":
            self.p = p
            return power(self.affine_factor(letters), number(-1))
        if self.kinds[p] != "n" or self.value(p).denominator != 1 or not 0 < self.value(p) < MAX_SUBSCRIPT:
            self.unexpected(p, "a size in a subscript is divided by a whole number, or another size")
        self.p = p + 1
        return number(1 / self.value(p))

    def affine_factor(self, letters: list[str]) -> Expr:
        p = self.p
        k = self.kinds[p]
        if k == "n":
            value = self.value(p)
            if value.denominator != 1 or value >= MAX_SUBSCRIPT:
                self.unexpected(p, f"a subscript is whole and below {MAX_SUBSCRIPT:,}")
            self.p = p + 1
            return number(value)
        if k == "(":
            self.enter(p)
            self.p = p + 1
            node = self.affine(letters)
            self.close(p, ")")
            self.depth -= 1
            return node
        if k == "N" and self.texts[p] == "floor" and self.kinds[p + 1] == "(" and self.ends[p] == self.starts[p + 1]:
            return self.floor(p, letters)
        if k == "|":
            tree = self.bars()
        elif k == "N" and self.texts[p] == "dim":
            tree = self.dim()
        elif (
            k == "N"
            and (self.ends[p] != self.starts[p + 1] or self.kinds[p + 1] not in ("s", "u", "[", "(", "q"))
            and self.kinds[p + 1] != "^"
        ):
            word = self.texts[p]
            if not COMPACT.match(word):
                self.unexpected(p, WANTED)
            self.p = p + 1
            i = self.letters.setdefault(word, Index(word))
            letters.append(word)
            if self.spans is not None:
                self.spans.setdefault(i, (self.starts[p], self.ends[p]))
            return i
        elif k in ("T", "N"):
            self.no_value(p)
            tree = self.named()
            if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
                self.unexpected(p, WANTED)
            letters.extend(tree.open)
            if self.spans is not None:
                self.spans.setdefault(tree.node, (tree.start, tree.end))
            return tree.node
        else:
            self.unexpected(p, WANTED)
        if isinstance(tree, Leaf):
            return tree.node
        self.fail(
            UnexpectedChar,
            "in a subscript a size is written dim(x, 0)",
            (tree.start, tree.end),
            "name the tensor and the axis, counted from 0",
        )

    def floor(self, p: int, letters: list[str]) -> Expr:
        """``floor((dim(x, 0) - 1)/2)``: a share of a size, cut to a whole number."""
        self.p = p + 1
        node = self.affine_factor(letters)
        while self.kinds[self.p] == "/":
            node = mul(node, self.divisor(letters))
        if node.free or not any(isinstance(e, Dim) for e in postorder(node)):
            self.unexpected(
                p, "in a subscript, floor is of sizes", "write floor(dim(x, 0)/2), or floor((dim(x, 0) - 1)/2)"
            )
        return call("floor", node)

    def known_indices(self) -> tuple[frozenset[str], frozenset[str]]:
        """The letters that are indices somewhere in this equation, and the names that are scalars in it."""
        if self._indices is None or self._indices[0] != self.first:
            indices, scalars = self.indices_between(self.first, self.end_of_equation())
            self._indices = (
                self.first,
                self.given.union(indices),
                self.scalars.union(scalars) - self.given,
            )
        return self._indices[1], self._indices[2]

    def indices_between(self, start: int, stop: int) -> tuple[list[str], set[str]]:
        """The letters that are indices in a run of tokens, in reading order, and the names that are scalars there."""
        indices: list[str] = []
        scalars: set[str] = set()
        kinds, texts = self.kinds, self.texts
        q = start
        subscript: list[str] = []  # the kinds of what opened the lists of subscripts
        nested: list[str] = []
        while q < stop:
            k = kinds[q]
            if k == "^":
                m = LABEL.match(self.text, self.starts[q])
                m = m or layer(self, q)
                if m is not None:  # a layer label, or a power that looks like one
                    while q + 1 < stop and self.starts[q + 1] < m.end():
                        q += 1
                    q += 1
                    continue
            at_once = q > 0 and self.starts[q] == self.ends[q - 1] and kinds[q - 1] in ("N", ")")
            if k == "T" and texts[q] not in self.split:
                indices.extend(texts[q].partition("_")[2].strip("{}"))
            elif k == "u":
                indices.extend(c for c in lower(texts[q]) if c.isalpha())
            elif k == "s" and texts[q] not in ("_", "_{"):
                indices.extend(c for c in texts[q][1:] if c.isalpha())
            elif (k == "s" and texts[q] == "_{") or (k == "[" and at_once and not self._relates(q)):
                nested.append("list")
                subscript.append(k)
            elif k in ("(", "[", "{"):
                asks = k == "(" and at_once and texts[q - 1] == "where" and self.compared(q)
                nested.append("where" if asks else "[" if k == "[" else "(")
            elif k == "," and nested and nested[-1] == "where":
                nested[-1] = "("
            elif k in (")", "]", "}") and nested:
                if nested.pop() == "list":
                    subscript.pop()
            elif k == "N":
                bare = kinds[q + 1] not in ("(", "q", "s", "u", "[") or self.starts[q + 1] != self.ends[q]
                if subscript and bare:
                    word = subscript[-1] == "[" or "," in kinds[q - 1 : q + 2] or len(texts[q]) == 1
                    indices.extend((texts[q],) if word else texts[q])
                elif (
                    bare
                    and "[" not in nested
                    and "where" not in nested
                    and texts[q - 1] not in ("|", "∂", "δ", "delta", "partial")
                    and not (kinds[q - 1] == "(" and texts[q - 2] == "dim")
                ):
                    scalars.add(texts[q])
            q += 1
        return indices, scalars

    def tensor_names(self) -> frozenset[str]:
        """Names that stand somewhere as a tensor's, with subscripts and no parenthesis at once after them."""
        if self._tensors is None:
            found: set[str] = set()
            for p, k in enumerate(self.kinds):
                name, end = self.texts[p].partition("_")[0], self.ends[p]
                if k == "N" and self.kinds[p + 1] in ("s", "u", "[") and self.starts[p + 1] == end:
                    q = p + 1
                    if self.texts[q] in ("_{", "["):
                        closer = "}" if self.texts[q] == "_{" else "]"
                        q = next((m for m in range(q, len(self.kinds)) if self.kinds[m] == closer), q)
                elif k == "T":
                    q = p
                else:
                    continue
                if self.kinds[min(q + 1, len(self.kinds) - 1)] != "(" or self.starts[q + 1] != self.ends[q]:
                    found.add(name)
            self._tensors = frozenset(found)
        return self._tensors

    def compares(self, p: int) -> NoReturn:
        """Refuse a relation that stands in no bracket."""
        unbracketed(self, p)
