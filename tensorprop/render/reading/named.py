"""Names in a formula: a tensor, one with a label, several side by side, a function with its arguments.

In: tokens. Out: `Typed` parts. Sums, products and scripts are read in `written`, which builds on this.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from tensorprop.core.build import call, substitute
from tensorprop.core.expr import Index, Reduce
from tensorprop.core.functions import ALONG, SPELLED, is_matrix, keeps
from tensorprop.core.names import adjoint_name, primal
from tensorprop.errors import AmbiguousNotation, ParseError, UnexpectedChar, UnexpectedEnd
from tensorprop.render.code import in_words
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.reading.below import is_place
from tensorprop.render.reading.lexemes import LOWERED, WHOLE, Lexeme, tokens
from tensorprop.render.reading.picked import one_hot, picked
from tensorprop.render.reading.typed import Typed, Types, along

__all__ = ["NameReader"]


class NameReader(ABC):
    """Tokens, and what the names among them are; an argument is read by whoever reads sums."""

    def __init__(
        self, text: str, types: Types, bare: Callable[[], str] | None = None, ones: bool | None = True
    ) -> None:
        self._text = text.rstrip()
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._bars = 0
        self._under = False  # whether it stands under a fraction, where |b| is a size if it can be one
        self._types = types
        self._bare = bare
        self._ones = ones
        self._compares = False  # whether it stands in a bracket, where a carried index is a number
        self._cut_at: tuple[str, ...] = ()  # the carried indices at the name that was read last

    @abstractmethod
    def _sum(self) -> Typed: ...

    # ----------------------------------------------------------------- what stands there
    def _peek(self, ahead: int = 0) -> Lexeme | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _sign(self, *signs: str) -> str | None:
        token = self._peek()
        if token is not None and token.kind == "sign" and token.text in signs:
            self._at += 1
            return token.text
        return None

    def _close(self, sign: str, opened: Lexeme) -> None:
        if not self._sign(sign):
            raise UnexpectedEnd("a parenthesis is not closed", self._text, opened.span)

    def _joined(self, ahead: int = 0, sign: str = "(") -> bool:
        """Whether a parenthesis follows at once."""
        one, other = self._peek(ahead - 1), self._peek(ahead)
        return one is not None and other is not None and other.text == sign and one.span[1] == other.span[0]

    # ----------------------------------------------------------------- names
    def _named(self, token: Lexeme) -> Typed:
        """A tensor, one of several names side by side, or a function."""
        prefix = ""
        if token.kind == "adjoint":
            prefix, found = self._prefixed(token)
            if found is None:  # a bare δ, and the adjoint behind it
                return self._bare_delta(token)
            token = found
        word = token.text.translate(LOWERED)
        if word in ("𝟏", "ones") and not prefix:
            return self._types.ones()
        if word == "δ":
            label = self._label(word)
            return self._bare_delta(token) if label is None else self._types.tensor(f"δ^({label})")
        if (bar := self._peek()) is not None and bar.kind == "bar":
            several = self._pieces(word) if self._types.names.rank(word) is None else None
            if several is not None:  # the bar is over the last
                return self._each(several, token)
            self._at += 1
            prefix = "δ"
        if not prefix and (called := self._function(word, token)) is not None:
            return self._entry_of(called)
        self._cut_at = ()
        name = self._tensor(prefix, word)
        if name is not None:
            if (after := self._peek()) is not None and after.text == "[" and self._text[after.span[0] - 1] not in " [(":
                return self._at_places(name, self._cut_at)
            return self._types.tensor(name, self._cut_at)
        if word == "I" and not prefix:
            return self._types.identity()
        if word in ("π", "pi") and not prefix:
            return Typed(call("pi"), None, None, Math("π", r"\pi"))
        if word in ("ⅈ", "imaginary") and not prefix:
            return Typed(call("imaginary"), None, None, Math("ⅈ", r"\mathrm{i}"))
        if self._compares and word in self._types.every and not prefix:
            return Typed(Index(word), None, None, Math(word, word))
        pieces = self._pieces(word)
        if not prefix and len(word) == 1 and self._types.names.called(word):
            return self._types.length(word, self._text, token.span)
        if pieces is None or prefix:
            raise self._types.known(prefix + word, self._text, token.span)
        return self._each(pieces, token)

    def _bare_delta(self, token: Lexeme) -> Typed:
        """A δ that does not say of which tensor it is."""
        if self._bare is None:
            raise AmbiguousNotation("δ does not say the adjoint of which tensor it is", self._text, token.span)
        return self._types.tensor(self._bare())

    def _prefixed(self, token: Lexeme) -> tuple[str, Lexeme | None]:
        """The δ before a name, with that name; several where the page has a δ of its own: ``δδx`` is that of δx."""
        prefix, ahead = "δ", 0
        while (after := self._peek(ahead)) is not None and after.kind == "adjoint":
            prefix, ahead = prefix + "δ", ahead + 1
        if after is None or after.kind != "name":
            raise UnexpectedEnd("δ needs a name", self._text, token.span)
        if ahead and self._types.names.rank(prefix + after.text.translate(LOWERED)) is None:
            return "", None
        self._at += ahead + 1
        return prefix, after

    def _entry_of(self, value: Typed) -> Typed:
        """``logsoftmax(z)[y]``: the entry of a vector at a place, where one follows at once."""
        e, opened = value.entry, self._peek()
        at_once = opened is not None and opened.text == "[" and self._text[opened.span[0] - 1] == ")"
        if not (at_once and opened and isinstance(e, Reduce) and keeps(e.op) and len(value.letters) == len(e.at) == 1):
            return value
        self._at += 1
        around, self._compares = self._compares, True
        place = self._sum()
        self._compares = around
        self._close("]", opened)
        math = Math(f"{value.math.unicode}[{place.math.unicode}]", f"{value.math.latex}[{place.math.latex}]")
        return Typed(substitute(e, {value.letters[0]: place.entry}), None, None, math)

    def _at_places(self, name: str, cut: tuple[str, ...]) -> Typed:
        """``E[tok]``: the entries of a tensor at places that another names."""
        opened = self._peek()
        assert opened is not None
        self._at += 1
        place = self._sum()
        self._close("]", opened)
        return picked(self._types, name, cut, place)

    def _each(self, pieces: tuple[str, ...], token: Lexeme) -> Typed:
        """The first of several names, as if spaces stood between them."""
        start = token.span[0]
        cut: list[Lexeme] = []
        for piece in pieces:
            cut.append(Lexeme("number" if piece == "1" else "name", piece, (start, start + len(piece))))
            start += len(piece)
        self._tokens[self._at - 1 : self._at] = cut
        return self._named(cut[0])

    def _tensor(self, prefix: str, word: str) -> str | None:
        """The tensor of this name, a label or a lowered figure behind it taken too."""
        names = self._types.names
        label = self._label(word)
        whole = prefix + word if label is None else f"{prefix}{word}^({label})"
        if self._sign("_") or self._in_brackets():
            cut = self._lowered()
            figure = "".join(cut)
            if names.rank(whole + figure) is not None and figure.isdigit() and primal(whole) not in names.time:
                return whole + figure
            known = {"·", *self._types.every}
            fixed = len(cut) <= (names.rank(whole) or 0)
            if not all(part in known or (_at_place(part) and fixed) or self._moved(part) for part in cut):
                raise UnexpectedChar(f"{word}_{figure} has indices, and a formula of matrices has none", self._text)
            self._cut_at = cut
            label = self._label(word) if label is None else label
        if label is not None:
            return f"{prefix}{word}^({label})"
        if names.rank(prefix + word) is not None:
            return prefix + word
        if not prefix and word[:1] == "d":
            typed = {in_words(n): n for n in names.ranks} | {n: n for n in names.ranks}
            if word[1:] in typed:
                return adjoint_name(typed[word[1:]])  # dW, dalpha, as it stands in code
        return None

    def _lowered(self, long: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """What stands below: the indices of carried axes, figures, a dot for an axis that stays; ``long``: other words
        that are one index each."""
        opened = self._peek()
        found: list[str] = []
        if opened is not None and opened.text in ("{", "["):
            closes = "}" if opened.text == "{" else "]"
            self._at += 1
            parts: list[str] = [""]
            depth = 0
            while (token := self._peek()) is not None and token.text != closes:
                depth += (token.text == "(") - (token.text == ")")
                new = token.text == "," and not depth
                parts = [*parts, ""] if new else [*parts[:-1], f"{parts[-1]} {token.text}"]
                self._at += 1
            for part in parts:
                moved = re.search("[-−+|(]", part) is not None
                found += [re.sub(r"\s", "", part).replace("−", "-")] if moved else self._each_of(part.split(), long)
            self._close(closes, opened)
        elif opened is not None:
            found += self._apart(opened.text, long)
            self._at += 1
        return tuple(found)

    def _in_brackets(self) -> bool:
        """Whether carried indices stand in brackets, ``W[b, out]``, as they are printed where one of them is long."""
        opened = self._peek()
        if opened is None or opened.text != "[" or not self._joined(sign="["):
            return False
        inside = self._text[opened.span[1] :].partition("]")[0]
        parts = [re.sub(r"\s", "", part).replace("−", "-") for part in inside.split(",")]
        return all(part in self._types.every or _at_place(part) or self._moved(part) for part in parts) and any(
            len(word) > 1 for word in re.findall(r"[^\W\d]+", inside)
        )

    def _moved(self, part: str) -> bool:
        """Whether a subscript is a carried index plus or minus a whole number."""
        found = re.fullmatch(r"(\w+)[-+]\d+", part)
        return found is not None and found[1] in self._types.every

    def _each_of(self, texts: list[str], long: frozenset[str]) -> list[str]:
        return [part for text in texts for part in self._apart(text, long)]

    def _apart(self, text: str, long: frozenset[str]) -> list[str]:
        return [text] if text in self._types.every or text in long else re.findall(r"\d+|[^\W\d_]|·", text)

    def _label(self, name: str) -> str | None:
        """The label of a layer, ``^(k+1)`` or ``^{(k)}``, where a tensor or a function of this name has one."""
        if (sign := self._peek()) is None or sign.text != "^":
            return None
        rest = self._text[sign.span[1] :]
        match = re.match(r"\s*\{?\s*\(([\w+−-]+)\)\s*", rest)
        labelled = "" if match is None else f"{name}^({match[1]})"
        known = any(self._types.names.rank(d + labelled) is not None for d in ("", "δ")) or labelled in self._open()
        if match is None or not known:
            return None
        end = sign.span[1] + match.end()
        while (token := self._peek()) is not None and token.span[0] < end:
            self._at += 1
        if "{" in match[0] and (token := self._peek()) is not None:
            if token.text == "}":
                self._at += 1
            else:  # W^{(k)⊤}: what is left of the braces is an exponent
                self._tokens[self._at : self._at] = [sign, Lexeme("sign", "{", token.span)]
        return match[1]

    def _open(self) -> set[str]:
        """The functions that the equations have, without their primes."""
        s = self._types.names.system
        return set() if s is None else {name.rstrip("′″‴") for name in s.functions}

    def _function(self, word: str, token: Lexeme) -> Typed | None:
        """``f(z)``, ``f′(z)``, ``f^(k)(z)``, where the word is no tensor, or bears a prime."""
        if any(name.startswith(f"{word}^(") for name in self._open()) and (label := self._label(word)) is not None:
            word = f"{word}^({label})"
        after = self._peek()
        primes = 0
        if after is not None and after.kind == "prime":
            primes = sum("'′″".index(c) or 1 for c in after.text)
            primes = sum(2 if c == "″" else 1 for c in after.text)
        tensor = self._types.names.rank(word) is not None
        opens = self._joined(1) if primes else self._joined()
        if primes:
            self._at += 1
            if not self._sign("("):
                raise UnexpectedEnd("a function needs its argument: f′(z)", self._text, token.span)
        elif word == "dim" and opens and not tensor:
            return self._dim()
        elif tensor or not opens or (not self._is_function(word) and self._pieces(word) is not None):
            return None
        else:
            self._at += 1
        known = set[str]() if primes else self._open()
        if word[:1] == "d" and word[1:] in known and word not in known:
            word, primes = word[1:], 1  # df(z), as it stands in code
        self._bars, bars = 0, self._bars
        inner, self._types.squares = self._types.squares, word == "diag" and self._next_is("diag")
        args = [self._sum()]
        self._types.squares = inner
        while self._sign(","):
            args.append(self._sum())
        self._bars = bars
        self._close(")", token)
        opened = self._peek()
        if primes and is_matrix(ALONG.get(word, word) + "′" * primes) and self._sign("[") and opened is not None:
            direction = self._sum()
            self._close("]", opened)
            return along(self._types, word + "′" * primes, args[0], direction)
        if word == "onehot" and not primes and len(args) == 1:
            return one_hot(self._types, args[0])
        return self._types.apply(word, primes, args)

    def _next_is(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token.text == word and self._joined(1)

    def _dim(self) -> Typed:
        """``dim(x, 0)``, ``dim(i)``."""
        match = re.match(r"\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\)", self._text[self._tokens[self._at].span[0] :])
        size = None
        if match is not None:
            end = self._tokens[self._at].span[0] + match.end()
            while (token := self._peek()) is not None and token.span[1] <= end:
                self._at += 1
            size = self._types.dim(match[1], int(match[2])) if match[2] else self._types.size(match[1], self._text)
        if size is None:
            raise ParseError("dim(x, 0) is the size of axis 0 of x", self._text, self._tokens[self._at - 1].span)
        return size

    def _is_function(self, word: str) -> bool:
        side = word[:3] in ("row", "col") and word[3:] in ALONG
        return word in SPELLED or word in ALONG or word in WHOLE or side or word == "onehot"

    def _pieces(self, word: str) -> tuple[str, ...] | None:
        """A run of letters as names side by side, the last perhaps a function."""
        ways = list(self._cut(word))
        if len(ways) > 1:
            told = " or ".join(" ".join(way) for way in ways)
            raise AmbiguousNotation(f"{word} could be {told}", self._text, fix="write a space between names")
        return ways[0] if ways else None

    def _cut(self, word: str) -> Iterator[tuple[str, ...]]:
        if not word:
            return
        names = self._types.names
        for n in range(1, len(word)):
            head, tail = word[:n], word[n:]
            if names.rank(head) is None:
                continue
            if names.rank(tail) is not None or self._is_function(tail) or tail in ("I", "1"):
                yield head, tail
            yield from ((head, *rest) for rest in self._cut(tail))


def _at_place(part: str) -> bool:
    return part.lstrip("-").isdigit() or is_place(part)
