"""What a name begins: a tensor's entry, a function's value, a reduction, an adjoint, a derivative, a size.

In: a name and the tokens after it. Out: a tree. The names that are known come from ``core.names``; what they mean is
not known here.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NoReturn

from tensorprop.core.build import delta, reduce
from tensorprop.core.expr import Call, Dim, Expr, Index, Tensor
from tensorprop.core.names import (
    FUNCTION_ALIASES,
    FUNCTION_ARITY,
    MATRIX_OPS,
    NORMALISERS,
    REDUCTION_ALIASES,
    REDUCTION_OPS,
)
from tensorprop.errors import (
    AmbiguousNotation,
    LimitExceeded,
    MissingIndex,
    NameConflict,
    ParseError,
    RepeatedOutputIndex,
    UnexpectedChar,
    UnknownFunction,
    UnknownRange,
    near,
)
from tensorprop.text.cursor import RELATIONS
from tensorprop.text.scan import raised
from tensorprop.text.subscripts import LABEL, Subscripts
from tensorprop.text.terms import Apply, Bind, Leaf, Power, Size, Tree

__all__ = ["AFTER", "BINDERS", "COLUMN", "KNOWN", "ROW", "STARTS", "SYMBOLS", "Words"]

MAX_ORDER = 9  # of a derivative

ROW, COLUMN = "row", "column"  # what runs along a matrix in det(X); never printed

BINDERS: dict[str, str] = {
    "Σ": "sum",
    "∑": "sum",
    "sum": "sum",
    "∏": "prod",
    **{op: op for op in (*REDUCTION_OPS, *NORMALISERS, *MATRIX_OPS)},
    **REDUCTION_ALIASES,
}
KNOWN: dict[str, str] = {**{f: f for f in FUNCTION_ARITY}, **FUNCTION_ALIASES}
SYMBOLS = frozenset(("σ", "sigma", "π", "pi", "√"))  # functions whose bare or subscripted name is an ordinary tensor
_SPLIT = frozenset(n for n in (*KNOWN, *REDUCTION_ALIASES) if "_" in n)  # names that have an underscore
_WORDS = frozenset((*KNOWN, *BINDERS, "dim", "partial", "delta")) - SYMBOLS
_RESERVED = _WORDS - {"delta"}
_SPELLED_OUT = {  # what matrix notation needs a word for, and indices say
    **dict.fromkeys(("trace", "tr"), "a trace repeats an index: X_ii"),
    **dict.fromkeys(("transpose",), "a transpose swaps the indices: X_ji"),
    **dict.fromkeys(("matmul", "dot", "einsum"), "a product repeats an index: A_ij B_jk"),
    "diag": "a diagonal is X_ii as a vector v_i = X_ii, and D_ij = v_i [i = j] as a matrix",
    "norm": "the length of x is sqrt(Σ_i x_i^2)",
    "outer": "an outer product has different indices: a_i b_j",
}
_PRIMES = {"'": 1, "′": 1, "″": 2, "‴": 3}
_PRIME_SIGNS = ("", "′", "″", "‴")
_ORDERS = ("⁰", "", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹")

STARTS = frozenset(("T", "N", "n", "(", "[", "{", "∂", "√", "frac", "|"))  # kinds with which a factor starts
AFTER = frozenset(("^", "p", "q", "s", "u"))  # kinds that go on with the name before them


class Words(Subscripts):
    """Reads what names begin."""

    split = _SPLIT

    def compact(self, p: int) -> tuple[Tensor, str] | None:
        """The entry that a token such as ``W_ij`` stands for, with its letters; None for every other meaning."""
        token = self.texts[p]
        name, _, sub = token.partition("_")
        letters = sub[1:-1] if sub[0] == "{" else sub
        got: tuple[Tensor, str] | None = None
        if name == "delta":
            name = "δ"
        if (
            name not in _RESERVED
            and name not in BINDERS
            and (name[0] != "δ" or name.lstrip("δ") not in _WORDS)
            and token not in _SPLIT
            and not (name == "δ" and len(letters) == 2 and not self.delta_is_tensor)
        ):
            index = self.letters
            subscripts: list[Index] = []
            for c in letters:
                i = index.get(c)
                if i is None:
                    i = index[c] = Index(c)
                subscripts.append(i)
            got = (Tensor(name, tuple(subscripts)), letters)
            self.names.setdefault(name, p)
            if self.spans is not None:
                at = self.starts[p] + token.index("_") + 1 + (sub[0] == "{")
                for k, c in enumerate(letters):
                    if self.text.startswith(c, at + k):
                        self.spans.setdefault(index[c], (at + k, at + k + 1))
                        self.spans.setdefault((got[0], k), (at + k, at + k + 1))
        if self.spans is None:
            self.entries[token] = got
        return got

    def named(self) -> Tree:
        """What a name begins: a tensor's entry, a function's value, a reduction, an adjoint, a delta."""
        p = self.p
        token = self.texts[p]
        if self.kinds[p] == "T" and token not in _SPLIT:
            if self.kinds[p + 1] not in AFTER:
                got = self.entries[token] if token in self.entries else self.compact(p)
                if got is not None:
                    self.p = p + 1
                    return Leaf(self.starts[p], self.ends[p], got[1], got[0])
            name, _, _ = token.partition("_")
            if name in BINDERS:
                return self.binder(name)
        else:
            name = token
            following = self.kinds[p + 1] if self.ends[p] == self.starts[p + 1] else ""
            if name in BINDERS and (name not in KNOWN or following in ("s", "u", "[")):
                return self.binder(name)
            if name == "dim":
                return self.dim()
            if name == "partial":
                return self.derivative()
            if following in ("(", "q") or self._labelled_function(p):
                return self.function()
            if name in KNOWN and (name not in SYMBOLS or (self.kinds[p + 1] == "(" and KNOWN[name] != "pi")):
                self._bare_function(p)
            if name in ("π", "pi") and following not in ("s", "u", "[") and not self.labelled(p):
                self.p = p + 1
                return Leaf(self.starts[p], self.ends[p], "", Call("pi", ()))
            if name in ("δ", "delta") and self.kinds[p + 1] in ("T", "N") and self._is_tensor_name(p + 1):
                self.p = p + 1
                self.enter(p)
                tree = self.named()
                self.depth -= 1
                assert isinstance(tree, Leaf)
                if not isinstance(tree.node, Tensor):
                    self.unexpected(p + 1, "the adjoint of a tensor is written δ and its name")
                return Leaf(
                    self.starts[p],
                    tree.end,
                    tree.open,
                    self._tensor("δ" + tree.node.name, tree.node.subscripts, p),
                )
        return self.entry()

    def no_word(self, p: int) -> None:
        """Refuse a word of the notation where a tensor is defined."""
        name = self.texts[p].partition("_")[0]
        if name in BINDERS or name == "dim":
            self.fail(
                NameConflict,
                f"{name} is a word of the notation, not a tensor's name",
                (self.starts[p], self.starts[p] + len(name)),
                "use another name, such as mu_i for a mean",
            )

    def _is_tensor_name(self, p: int) -> bool:
        name = self.texts[p].partition("_")[0]
        if self.texts[p] in _SPLIT or name in _RESERVED or name in BINDERS:
            return False
        at_once = self.kinds[p + 1] in ("(", "q") and self.ends[p] == self.starts[p + 1]
        return self.kinds[p] == "T" or not at_once

    def _labelled_function(self, p: int) -> bool:
        """``f^(k)(z)`` and ``f^{\\prime}(z)``: a name, a raised label or prime, and at once a parenthesis."""
        if self.kinds[p + 1] != "^":
            return False
        if self.kinds[p + 2] == "q" or (self.kinds[p + 2] == "{" and self.kinds[p + 3] == "q"):
            return True
        m = LABEL.match(self.text, self.starts[p + 1])
        return m is not None and self.text.startswith(("(", "'", "′", "″"), m.end()) and self.kinds[p] == "N"

    def _bare_function(self, p: int) -> NoReturn:
        name = self.texts[p]
        span = (self.starts[p], self.ends[p])
        if self.kinds[p + 1] == "(":
            self.fail(
                AmbiguousNotation,
                f'"{name} (" with a space: the function {name}, or a product?',
                span,
                f"write `{name}(…)` for the function; a tensor called {name} needs another name, or `{name} · (…)`",
            )
        if self.kinds[p + 1] in ("s", "u", "["):
            self._function_subscript(p, name)
        self.fail(UnexpectedChar, f"{name} is a function and needs parentheses", span, f"write {name}(z_i)")

    def _function_subscript(self, p: int, name: str) -> NoReturn:
        self.fail(
            NameConflict,
            f"{name} is a function and bears no subscripts",
            (self.starts[p], self.ends[p]),
            f"put them inside, {name}(z_i), or give the tensor another name",
        )

    def entry(self) -> Leaf:
        """A tensor's entry: name, label, subscripts, in that order or with the label last."""
        p = self.p
        token = self.texts[p]
        name, bar, sub = token.partition("_") if self.kinds[p] == "T" else (token, "", "")
        self.p = p + 1
        stem = name.lstrip("δ") if len(name) > 1 else ""
        if stem in _WORDS and stem != name:
            self.fail(
                NameConflict,
                f"{stem} is a word of the notation, so that {name} is no tensor's adjoint",
                (self.starts[p], self.ends[p]),
                "use another name",
            )
        if name in _RESERVED or (token in _SPLIT and self.kinds[p] == "T"):
            if token in KNOWN or name in KNOWN:
                self._function_subscript(p, name)
            self.fail(
                NameConflict,
                f"{name} is a word of the notation, not a tensor's name",
                (self.starts[p], self.ends[p]),
                "use another name",
            )
        name = "δ" if name == "delta" else name
        label = ""
        kinds = self.kinds
        if kinds[self.p] == "^" and not bar:
            label = self.label(p, name)
        subscripts: list[Expr] = []
        letters: list[str] = []
        held, self.marks = self.marks, []
        listed = bool(bar)
        if bar:
            at = self.starts[p] + len(token.partition("_")[0]) + 1 + (sub[0] == "{")
            plain = sub.strip("{}")
            self._letters(plain, at, subscripts, letters)
        else:
            listed = self.subscripts(subscripts, letters, p)
        if not label and listed and kinds[self.p] == "^" and kinds[self.p + 1] == "{":
            m = LABEL.match(self.text, self.starts[self.p])
            if m is not None:
                label = self.take_label(m)
        if kinds[self.p] in ("s", "u") and self.starts[self.p] == self.ends[self.p - 1]:
            self.stray_subscript(self.p)
        marks, self.marks = self.marks, held
        span = (self.starts[p], self.ends[self.p - 1])
        if (
            name == "δ"
            and not label
            and len(subscripts) == 2
            and not self.delta_is_tensor
            and all(isinstance(s, Index) for s in subscripts)
        ):
            if subscripts[0] is subscripts[1]:
                self.fail(
                    UnknownRange, f"δ with {letters[0]} twice is 1", span, f"write 1, or dim({letters[0]}) for its sum"
                )
            return Leaf(*span, tuple(letters), delta(*subscripts))
        return Leaf(*span, tuple(letters), self._tensor(name + label, tuple(subscripts), p, marks))

    def _tensor(
        self, name: str, subscripts: tuple[Expr, ...], p: int, marks: list[tuple[int, int]] | None = None
    ) -> Tensor:
        self.names.setdefault(name, p)
        node = Tensor(name, subscripts)
        if self.spans is not None:
            for k, s in enumerate(subscripts):
                mark = marks[k] if marks and len(marks) == len(subscripts) else self.spans.get(s)
                if mark is not None:
                    self.spans.setdefault((node, k), mark)
        return node

    def label(self, p: int, name: str) -> str:
        """``^(k)`` after a bare name, where subscripts follow or where braces tell that it is no power."""
        m = LABEL.match(self.text, self.starts[self.p])
        if m is None:
            return ""
        if m[2] is None and not self.followed_by_subscript(m.end()):
            if self.kinds[self.p + 1] == "(":
                self.label_or_power(Leaf(self.starts[p], self.ends[p], "", Tensor(name, ())), m, p)
            return ""
        return self.take_label(m)

    def label_or_power(self, base: Leaf, m: re.Match[str], first: int) -> NoReturn:
        shown = self.text[base.start : base.end]
        name, _, rest = shown.partition("_")
        label = m[1].replace(" ", "")
        self.fail(
            AmbiguousNotation,
            f"{shown}^({label}) is a power, or {name} of layer {label}",
            (base.start, m.end()),
            f"write `{shown}^{{{label}}}` for the power, or `{name}^({label})_{rest}` for the layer's tensor"
            if rest
            else f"write `{shown}^{{{label}}}` for the power, or `{shown}^{{({label})}}` for the layer's number",
        )

    def stray_subscript(self, p: int) -> NoReturn:
        self.unexpected(
            p,
            "only a name bears subscripts, and one list of them",
            "name the expression in an equation of its own, then write its entry",
        )

    def function(self) -> Tree:
        """``f(a, b)``: a known function, or one left open, with its primes and its label."""
        p = self.p
        name = self.texts[p]
        self.p = p + 1
        label, primes = "", 0
        if self.kinds[self.p] == "^":
            m = LABEL.match(self.text, self.starts[self.p])
            if m is not None:
                label = self.take_label(m)
            else:
                braces = self.kinds[self.p + 1] == "{"
                self.p += 2 if braces else 1
                while self.kinds[self.p] == "q":
                    primes += sum(_PRIMES[c] for c in self.texts[self.p])
                    self.p += 1
                if braces:
                    self.close(self.p - 1, "}")
        if self.kinds[self.p] == "q":
            primes += sum(_PRIMES[c] for c in self.texts[self.p])
            self.p += 1
        span = (self.starts[p], self.ends[self.p - 1])
        if primes > 3:
            self.fail(LimitExceeded, "more than three primes", span, "name the function's slope in a way of its own")
        if self.kinds[self.p] != "(" or self.starts[self.p] != self.ends[self.p - 1]:
            self.fail(
                UnexpectedChar,
                "a prime marks the slope of a function, whose argument follows in parentheses",
                span,
                "write f′(z_i); a tensor's name has no primes",
            )
        canonical = KNOWN.get(name) if not label else None
        if canonical is None:
            self._open(name, span)
            canonical = "δ" if name == "delta" else name
        if canonical == name or canonical == "δ" or name in SYMBOLS:
            self.called.setdefault(name + label, span)
        return self.arguments(p, canonical, canonical + label + _PRIME_SIGNS[primes], name)

    def _open(self, name: str, span: tuple[int, int]) -> None:
        """Refuse a name that was probably meant to be a known function's."""
        if name in _SPELLED_OUT:
            self.fail(UnknownFunction, f"{name} has no name of its own in index notation", span, _SPELLED_OUT[name])
        if len(name.rstrip("0123456789")) > 1 and name not in self.called:
            like = near(name, [*KNOWN, *BINDERS, "dim"])
            if like:
                self.fail(
                    UnknownFunction,
                    f'function "{name}" is unknown',
                    span,
                    f"did you mean {' or '.join(like)}? A function left open needs a name less like a known one",
                )

    def arguments(self, first: int, base: str, function: str, spelled: str) -> Tree:
        """``(a, b)`` after the name of a function."""
        p = self.p
        self.enter(p)
        self.p = p + 1
        args: list[Tree] = []
        if self.kinds[self.p] == ")":
            self.unexpected(self.p, f"{spelled} needs something to act on")
        while True:
            args.append(self.expression())
            if self.kinds[self.p] != ",":
                break
            self.p += 1
        self.close(p, ")")
        self.depth -= 1
        span = (self.starts[first], self.ends[self.p - 1])
        wanted = FUNCTION_ARITY.get(base) if base != function or base in FUNCTION_ARITY else None
        if "^" in function:
            wanted = None
        if wanted is not None and wanted != len(args):
            one = "argument" if wanted == 1 else "arguments"
            fix = f"along an index write {spelled}_u(…)" if base in ("max", "min") else None
            self.fail(ParseError, f"{spelled} takes {wanted or 'no'} {one}, not {len(args)}", span, fix)
        if function == "power":
            exponent = args[1]
            return self._power_at(span, args[0], exponent)
        return Apply(*span, function, args)

    def _power_at(self, span: tuple[int, int], base: Tree, exponent: Tree) -> Tree:
        value = getattr(exponent.node, "value", None) if isinstance(exponent, Leaf) else None
        whole = isinstance(value, Fraction) and value.denominator == 1 and value >= 2
        return Power(*span, base, exponent, 2 if whole else 0)

    def binder(self, name: str) -> Tree:
        """``Σ_u e``, ``max_u(e)``, ``softmax_u(e)``, ``inv(X)_ij``."""
        p = self.p
        op = BINDERS[name]
        letters: list[str] = []
        spans: list[tuple[int, int]] = []
        self.p = p + 1
        if self.kinds[p] == "T" and name not in _SPLIT:
            token = self.texts[p]
            run = token.partition("_")[2]
            at = self.starts[p] + len(token.partition("_")[0]) + 1 + (run[0] == "{")
            for k, c in enumerate(run.strip("{}")):
                letters.append(c)
                spans.append((at + k, at + k + 1))
        elif op in MATRIX_OPS and self.kinds[self.p] == "(":
            return self.matrix(p, op)
        else:
            self.indices_of(p, letters, spans)
        span = (self.starts[p], self.ends[self.p - 1])
        if len(set(letters)) != len(letters):
            twice = next(k for k, c in enumerate(letters) if c in letters[:k])
            self.fail(
                RepeatedOutputIndex, f'index "{letters[twice]}" stands twice under {name}', spans[twice], "name it once"
            )
        if op in MATRIX_OPS and len(letters) != 2:
            self.fail(ParseError, f"{op} is of a matrix: two indices, or its bare name", span, f"write {op}(X)")
        if self.kinds[self.p] == "p" or self.kinds[self.p] == "^":
            self.unexpected(
                self.p,
                "an index runs over the whole of its axis",
                "write Σ_i, and a bracket such as [i < n] for a part of the axis",
            )
        self.enter(p)
        entry: tuple[Expr, ...] = ()
        outside: list[str] = []
        keeps = op in NORMALISERS or op == "inv"
        if self.kinds[self.p] == "(" and self.starts[self.p] == self.ends[self.p - 1]:
            body = self.group()
            if (
                keeps
                and self.kinds[self.p] in ("s", "u", "[")
                and self.starts[self.p] == self.ends[self.p - 1]
                and not (self.kinds[self.p] == "[" and self._relates(self.p))
            ):
                given: list[Expr] = []
                self.subscripts(given, outside, p)
                entry = tuple(given)
                if len(entry) != len(letters):
                    self.fail(
                        ParseError,
                        f"{op} along {len(letters)} indices has {len(letters)} subscripts, not {len(entry)}",
                        (self.starts[p], self.ends[self.p - 1]),
                    )
        else:
            if self.kinds[self.p] not in STARTS and self.kinds[self.p] not in ("+", "-"):
                self.unexpected(self.p, f"{name} needs something to act on", f"write {name}_{''.join(letters)}(…)")
            body = self.product(False, self.p, True)
        if keeps and not entry:
            entry, outside = tuple(Index(c) for c in letters), list(letters)
        self.depth -= 1
        return Bind(self.starts[p], self.ends[self.p - 1], op, tuple(letters), spans, body, entry, tuple(outside))

    def indices_of(self, p: int, letters: list[str], spans: list[tuple[int, int]]) -> None:
        """The indices under a sum or a reduction, in any spelling but the compact one."""
        name = self.texts[p]
        k = self.kinds[self.p]
        if k not in ("s", "u", "[") or self.starts[self.p] != self.ends[p]:
            self.fail(
                MissingIndex,
                f"{name} needs the index along which it goes",
                (self.starts[p], self.ends[p]),
                f"write {name}_i(…)",
            )
        q = self.p
        closer = {"_{": "}", "[": "]"}.get(self.texts[q])
        while closer and self.kinds[q] not in (closer, "end", ";"):
            q += 1
            if self.kinds[q] in RELATIONS:
                first = self.texts[self.p + 1]
                self.unexpected(
                    q,
                    "an index runs over the whole of its axis",
                    f"write Σ_{first}, and a bracket such as [{first} < n] for a part of the axis",
                )
        at = self.p
        found: list[Expr] = []
        held, self.spans = self.spans, {}
        try:
            self.subscripts(found, letters, p)
            where = self.spans
        finally:
            self.spans = held
        if not found or not all(isinstance(s, Index) for s in found):
            self.fail(
                MissingIndex,
                f"{name} goes along plain indices",
                (self.starts[at], self.ends[self.p - 1]),
                f"write {name}_i(…)",
            )
        spans.extend(where.get(s, (self.starts[at], self.ends[self.p - 1])) for s in found)

    def matrix(self, p: int, op: str) -> Tree:
        """``inv(X)_ij``, ``det(X)``: the bare name of a matrix, the entry outside."""
        if self.starts[self.p] != self.ends[p]:
            self.fail(
                AmbiguousNotation,
                f'"{op} (" with a space: the function {op}, or a product?',
                (self.starts[p], self.ends[p]),
                f"write `{op}(X)`",
            )
        self.enter(self.p)
        opener = self.p
        self.p += 1
        wanted = f"{op} takes the bare name of a matrix"
        fix = f"name the matrix in an equation of its own, M_ij = …, then write {op}(M)" + (
            "_ij" if op == "inv" else ""
        )
        at = self.p
        if self.kinds[at] != "N":
            shown = (self.starts[at], self.ends[at])
            if self.kinds[at] == "T" and self.kinds[at + 1] == ")":
                self.fail(
                    UnexpectedChar,
                    wanted,
                    shown,
                    f"write {op}({self.texts[at].partition('_')[0]}), and the entry outside",
                )
            self.unexpected(at, wanted, fix)
        leaf = self.named()
        if not isinstance(leaf, Leaf) or not isinstance(leaf.node, Tensor) or leaf.node.subscripts:
            self.fail(UnexpectedChar, wanted, (leaf.start, leaf.end), fix)
        if self.kinds[self.p] != ")":
            self.unexpected(self.p, wanted, fix)
        self.close(opener, ")")
        self.depth -= 1
        subscripts: list[Expr] = []
        letters: list[str] = []
        listed = (
            self.kinds[self.p] in ("s", "u", "[")
            and self.starts[self.p] == self.ends[self.p - 1]
            and self.subscripts(subscripts, letters, p)
        )
        span = (self.starts[p], self.ends[self.p - 1])
        if op == "inv" and len(subscripts) != 2:
            self.fail(
                MissingIndex,
                f"an entry of the inverse has two subscripts: {self.text[self.starts[p] : self.ends[self.p - 1]]}_ij",
                span,
                "write them outside: inv(X)_ij",
            )
        if op != "inv" and listed:
            self.stray_subscript(self.p - 1)
        body = Tensor(leaf.node.name, (Index(ROW), Index(COLUMN)))
        return Leaf(*span, tuple(letters), reduce(op, (ROW, COLUMN), body, subscripts))

    def dim(self) -> Tree:
        """``dim(i)``, or ``dim(x, 1)`` for an axis, counted from 0."""
        p = self.p
        if self.kinds[p + 1] != "(":
            self.fail(
                NameConflict,
                "dim is a word of the notation: the size of an index",
                (self.starts[p], self.ends[p]),
                "write dim(i)",
            )
        self.p = p + 2
        at = self.p
        if self.kinds[at] != "N":
            self.unexpected(at, "dim takes one index", "write dim(i), or dim(x, 0) for the first axis of x")
        if self.kinds[at + 1] == ")":
            self.p = at + 2
            return Size(self.starts[p], self.ends[at + 1], self.texts[at])
        leaf = self.named()
        if (
            isinstance(leaf, Leaf)
            and isinstance(leaf.node, Tensor)
            and not leaf.node.subscripts
            and self.kinds[self.p] == ","
            and self.kinds[self.p + 1] == "n"
        ):
            axis = self.value(self.p + 1)
            if axis.denominator == 1 and axis < 64 and self.kinds[self.p + 2] == ")":
                self.p += 3
                return Leaf(self.starts[p], self.ends[self.p - 1], "", Dim(leaf.node.name, int(axis)))
        self.unexpected(
            self.p, "dim takes one index, or a tensor and an axis", "write dim(i), or dim(x, 0) for the first axis of x"
        )

    def bars(self) -> Tree:
        """``|i|``."""
        p = self.p
        if self.kinds[p + 1] == "N" and self.kinds[p + 2] == "|":
            self.p = p + 3
            return Size(self.starts[p], self.ends[p + 2], self.texts[p + 1])
        self.fail(
            UnexpectedChar,
            "bars mean the size of an index: |i|",
            (self.starts[p], self.ends[p]),
            "for an absolute value write abs(…)",
        )

    def derivative(self) -> Tree:
        """``∂y_i/∂x_k``, ``∂²E/∂x_k∂x_l``, ``\\frac{\\partial E}{\\partial x}``: the tensor that holds it."""
        p = self.p
        braces = self.kinds[p] == "frac"
        if braces:
            self.p = p + 2
        order = 1
        self._partial()
        if self.kinds[self.p] == "p" and raised(self.texts[self.p]).isdigit():
            order = int(raised(self.texts[self.p]))
            self.p += 1
        elif self.kinds[self.p] == "^":
            self.p += 1
            inner = self.kinds[self.p] == "{"
            self.p += inner
            if self.kinds[self.p] != "n" or not self.texts[self.p].isdigit():
                self.unexpected(self.p, "the order of a derivative is a whole number")
            order = int(self.texts[self.p]) if len(self.texts[self.p]) < 4 else 1000
            self.p += 1 + inner
        if not 1 <= order <= MAX_ORDER:
            self.fail(
                LimitExceeded,
                f"a derivative of order {order}; the limit is {MAX_ORDER}",
                (self.starts[p], self.ends[self.p - 1]),
            )
        top = self._differentiated()
        if braces:
            if self.kinds[self.p] != "}" or self.kinds[self.p + 1] != "{":
                self.unexpected(self.p, "a derivative is written \\frac{\\partial y}{\\partial x}")
            self.p += 2
        else:
            if self.kinds[self.p] != "/":
                self.unexpected(self.p, "a derivative is written ∂y_i/∂x_k")
            self.p += 1
        below: list[Leaf] = []
        for _ in range(order):
            self._partial()
            below.append(self._differentiated())
            if self.kinds[self.p] in ("^", "p"):
                self.unexpected(self.p, "every ∂ below has a tensor of its own", "write ∂²E/∂x_k∂x_l")
        if braces:
            self.close(p + 1, "}")
        return self._quotient(top, below, p)

    def _quotient(self, top: Leaf, below: list[Leaf], p: int) -> Leaf:
        subscripts: list[Expr] = []
        letters: list[str] = []
        name = f"∂{_ORDERS[len(below)]}"
        for k, leaf in enumerate((top, *below)):
            assert isinstance(leaf.node, Tensor)
            name += ("/∂" if k == 1 else "∂" if k else "") + leaf.node.name + "·" * len(leaf.node.subscripts)
            subscripts += leaf.node.subscripts
            letters += leaf.open
        span = (self.starts[p], self.ends[self.p - 1])
        return Leaf(*span, tuple(letters), self._tensor(name, tuple(subscripts), p))

    def _partial(self) -> None:
        if self.kinds[self.p] != "∂" and self.texts[self.p] != "partial":
            self.unexpected(self.p, "a derivative is written ∂y_i/∂x_k, with one ∂ below for each above")
        self.p += 1

    def _differentiated(self) -> Leaf:
        p = self.p
        if self.kinds[p] not in ("T", "N"):
            self.unexpected(p, "∂ stands before a tensor's name")
        held = dict(self.names)
        tree = self.named()
        self.names = held
        if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
            self.fail(UnexpectedChar, "∂ stands before a tensor's name", (tree.start, tree.end), "write ∂y_i/∂x_k")
        return tree

    def plain_derivative(self, top: Tree, p: int) -> Tree:
        """``dy_i/dx_k`` on a left side, where it can mean nothing else."""
        slash = self.p
        if isinstance(top, Leaf) and isinstance(top.node, Tensor) and _differential(top.node.name):
            self.p = slash + 1
            below = self.named()
            if isinstance(below, Leaf) and isinstance(below.node, Tensor) and _differential(below.node.name):
                parts = [
                    Leaf(t.start, t.end, t.open, Tensor(t.node.name[1:], t.node.subscripts))
                    for t in (top, below)
                    if isinstance(t.node, Tensor)
                ]
                self.names.pop(top.node.name, None)
                self.names.pop(below.node.name, None)
                return self._quotient(parts[0], parts[1:], p)
            self.p = slash
        return top


def _differential(name: str) -> bool:
    """Whether a name is d and another name: ``dy``."""
    return name[0] == "d" and name[1:2].isalpha() and name[1:] not in _WORDS
