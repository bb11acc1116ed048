"""What a check found, as data and as a page to read.

In: rules, and for each what is known of it. Out: `Report`. Nothing is computed here; two lines that differ are shown
with the places marked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Expr
from tensorprop.core.names import adjoint_name, primal
from tensorprop.face import Face
from tensorprop.text import show

__all__ = ["Counterexample", "Diagnosis", "Finding", "Report", "Verdict", "apart", "marked", "plain", "typeset"]

_NUMBERS_SHOWN = 10  # numbers of a counterexample that are written out


@dataclass(frozen=True)
class Counterexample:
    """An entry at which a rule, or one of two sides, is not what is expected: sizes, both values, arrays that show it.

    Of a diagnosis it is the smallest one, in small whole numbers; of a decision ``expected`` is the left side.
    """

    sizes: Mapping[str, int]
    entry: tuple[int, ...]
    expected: float | complex
    got: float | complex
    arrays: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def where(self) -> str:
        """The sizes, and the numbers where they are few."""
        sizes = ", ".join(f"{i} = {n}" for i, n in self.sizes.items())
        if sum(_entries(a) for a in self.arrays.values()) > _NUMBERS_SHOWN:
            return sizes
        numbers = ", ".join(f"{name} = {_short(a)}" for name, a in self.arrays.items())
        return "; ".join(part for part in (sizes, numbers) if part)


def _entries(a: Any) -> int:
    return sum(map(_entries, a)) if isinstance(a, list) else 1


def _short(a: Any) -> str:
    return f"[{', '.join(map(_short, a))}]" if isinstance(a, list) else f"{a:.4g}"


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a rule.

    ``kind`` names the slip, ``words`` say it, ``kinds`` are all slips where there are two. ``written`` is the equation
    in which it is (the rule, or a part that it names), ``corrected`` what belongs there, ``texts`` the same as the
    user spelled it. ``proved``: the correction is proved for arrays of all sizes. ``counterexample`` is the
    smallest one. Where nothing near is right, ``kind`` is ``"unknown"``, ``corrected`` the derived rule, and
    ``difference`` what the written rule has too much. Of constants that are rounded ``error`` is the relative one.
    """

    kind: str
    words: str
    kinds: tuple[str, ...] = ()
    written: Equation | None = None
    corrected: Equation | None = None
    texts: tuple[str, str] | None = None
    proved: bool = False
    counterexample: Counterexample | None = None
    difference: Expr | None = None
    error: float | None = None

    def lines(self, derived: str = "", ascii: bool = False) -> list[str]:
        """The slip in words, what was written and what belongs there, with the places marked that differ.

        ``derived`` is the derived rule as it is shown: where the correction is the same, it is called that.
        """
        out = [self.words if self.proved or self.kind == "unknown" else f"likely: {self.words}"]
        if self.kind != "unknown" and self.written is not None and self.corrected is not None:
            one, other = self.texts or (show(self.written, ascii=ascii), show(self.corrected, ascii=ascii))
            if ascii:
                one, other = plain(one), plain(other)
            below, above = marked(one, other)
            out += [f"written: {one}", f"         {below}"]
            out += [f"{'derived' if other == derived else 'correct'}: {other}", f"         {above}"]
        if self.difference is not None and self.corrected is not None:
            out.append(f"written - derived: {show(self.difference, ascii=ascii)}")
        return out

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        c = self.counterexample
        return {
            "kind": self.kind,
            "kinds": list(self.kinds),
            "words": self.words,
            "written": None if self.written is None else str(self.written),
            "corrected": None if self.corrected is None else str(self.corrected),
            "proved": self.proved,
            "difference": None if self.difference is None else str(self.difference),
            "counterexample": None
            if c is None
            else {
                "sizes": dict(c.sizes),
                "entry": list(c.entry),
                "expected": c.expected,
                "got": c.got,
                "arrays": dict(c.arrays),
            },
        }


_TOKEN = re.compile(r"_\{[^}]*\}|_\w+|\^\([^)]*\)|[^\W_]+|\s+|.", re.DOTALL)


def marked(one: str, other: str) -> tuple[str, str]:
    """Carets under what differs between two lines; where only one has something more, the place of it in the other.

    >>> print("\\n".join(["δa_i = W_ji δz_j", *marked("δa_i = W_ji δz_j", "δa_i = W_ij δz_j")]))
    δa_i = W_ji δz_j
             ^^
             ^^
    """
    mine, theirs = _tokens(one), _tokens(other)
    matcher = SequenceMatcher(None, [t for t, _ in mine], [t for t, _ in theirs], autojunk=False)
    changes = [c for c in matcher.get_opcodes() if c[0] != "equal"]
    return (
        _under(one, mine, [(a, b) for _, a, b, _, _ in changes]),
        _under(other, theirs, [(a, b) for _, _, _, a, b in changes]),
    )


def _tokens(text: str) -> list[tuple[str, int]]:
    return [(m.group(), m.start()) for m in _TOKEN.finditer(text) if not m.group().isspace()]


def _span(text: str, tokens: list[tuple[str, int]], a: int, b: int) -> tuple[int, int]:
    if a == b:  # nothing stands here, and something should
        place = tokens[a][1] if a < len(tokens) else len(text) + 1
        return (place, place + 1) if a == len(tokens) else (max(0, place - 1), place)
    start = tokens[a][1]
    return start + (tokens[a][0][0] == "_" and b - a == 1), tokens[b - 1][1] + len(tokens[b - 1][0])


def _under(text: str, tokens: list[tuple[str, int]], changes: list[tuple[int, int]]) -> str:
    """Carets under changed tokens; under the gap where something is missing, if nothing else is marked."""
    shown = [c for c in changes if c[0] < c[1]] or changes[:1]
    places = {k for a, b in (_span(text, tokens, *c) for c in shown) for k in range(a, b)}
    end = max(places, default=-1) + 1
    return "".join(("^" if k in places else " ") * _columns(text[k : k + 1]) for k in range(end))


def _columns(c: str) -> int:
    if not c:
        return 1
    return 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a rule.

    ``kind``: ``"value"`` (an entry differs), ``"size"`` (an index runs along axes of different lengths),
    ``"outside"`` (it reads what lies outside of a tensor, and no line says what that is), ``"proof"``
    (refuted exactly, though equal on every sample), ``"undecided"`` (neither proved nor evaluated). ``entry`` is the
    first wrong entry of the adjoint of ``tensor``, in reading order; ``expected`` is what ``jax.vjp`` gives, ``got``
    what the rule gives, for arrays of these ``sizes`` drawn with this ``seed``. ``note`` says more, in words;
    ``diagnosis`` what the slip is.
    """

    kind: str
    tensor: str
    entry: tuple[int, ...] | None = None
    expected: float | complex | None = None
    got: float | complex | None = None
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    seed: int | None = None
    note: str = ""
    diagnosis: Diagnosis | None = None

    def lines(self) -> list[str]:
        """The finding in words, a line each: the smallest counterexample where one is known."""
        out: list[str] = []
        small = None if self.diagnosis is None else self.diagnosis.counterexample
        if small is not None:
            out.append(self._wrong(small.entry, small.expected, small.got, small.where))
        elif self.entry is not None:
            sizes = ", ".join(f"{i} = {n}" for i, n in self.sizes.items())
            places = "; ".join(part for part in (sizes, f"seed {self.seed}") if part)
            out.append(self._wrong(self.entry, self.expected or 0.0, self.got or 0.0, places))
        if self.note:
            out += self.note.split("\n")
        return out

    def _wrong(self, entry: tuple[int, ...], expected: float | complex, got: float | complex, where: str) -> str:
        place = f"δ{self.tensor}[{', '.join(map(str, entry))}]" if entry else adjoint_name(self.tensor)
        right, wrong = apart(expected, got)
        return f"first wrong entry: {place} should be {right}, the rule gives {wrong}" + (
            f"  ({where})" if where else ""
        )


def apart(a: float | complex, b: float | complex) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart."""
    for digits in (4, 8, 12, 17):
        one, other = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if one != other:
            return one, other
    return repr(a), repr(b)


@dataclass(frozen=True)
class Verdict:
    """What is known of one rule.

    ``derived`` is the rule as the calculus finds it; ``written`` says whether somebody wrote ``rule``; ``proved``,
    whether both are equal for arrays of all sizes, and ``how`` that was shown; ``samples``, on how many random samples
    every entry agreed with JAX. ``formula`` is the rule as it was written, where that was in matrices;
    ``told`` is what holds where it is not proved.
    """

    rule: Equation
    derived: Equation | None
    written: bool
    proved: bool
    samples: int
    finding: Finding | None = None
    how: str = ""
    formula: str = ""
    told: str = ""

    @property
    def words(self) -> str:
        """The verdict in a word or two."""
        if self.told and self.finding is None:
            return self.told
        if self.finding is not None:
            return "undecided" if self.finding.kind == "undecided" else "WRONG"
        if not self.written:
            return "derived"
        return "proved" if self.proved else f"equal on {self.samples} samples, not proved"


@dataclass(frozen=True, repr=False)
class Report(Face):
    """The verdicts on all backward rules of a layer or System.

    ``ok``: nothing was found wrong. ``proved``: what is more, every written rule equals the derived one for arrays of
    all sizes, ``given`` what is said there. ``findings``: what is wrong. ``str(report)`` is a page to read.
    """

    name: str
    system: System
    verdicts: tuple[Verdict, ...]
    given: tuple[str, ...] = ()
    how: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, rule by rule."""
        return tuple(v.finding for v in self.verdicts if v.finding is not None)

    @property
    def ok(self) -> bool:
        """Whether no rule is wrong, and each is proved or was compared."""
        return not self.findings

    @property
    def proved(self) -> bool:
        """Whether nothing is wrong and every written rule has the canonical form of the derived one."""
        return self.ok and all(v.proved for v in self.verdicts if v.written)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.show()

    def show(self, ascii: bool = False) -> str:
        """The report as text."""
        lines = [self.name, *(f"  {line}" for line in show(self.system, ascii=ascii).split("\n")), ""]
        rules = [(plain(v.formula) if ascii else v.formula) or show(v.rule, ascii=ascii) for v in self.verdicts]
        width = max((len(r) for r in rules if len(r) <= 60), default=0)
        for v, rule in zip(self.verdicts, rules, strict=True):
            lines.append(f"  {rule.ljust(width)}  {v.words}")
            if v.finding is not None:
                lines += [f"      {line}".rstrip() for line in self._finding(v, v.finding, ascii)]
        lines += ["", self._total()]
        for v in self.verdicts:
            if v.proved and v.finding is None and "random" in v.how:
                told = f"{v.rule.name}: {v.how}."
                lines.append(plain(told) if ascii else told)
        if self.given:
            told = f"Given: {'; '.join(self.given)}."
            lines.append(plain(told) if ascii else told)
        if self.how:
            lines.append(plain(self.how) if ascii else self.how)
        return "\n".join(lines)

    def _finding(self, v: Verdict, finding: Finding, ascii: bool) -> list[str]:
        """What is wrong, the likely slip first, then an entry, then the derived rule."""
        told = [plain(line) if ascii else line for line in finding.lines()]
        derived = show(v.derived, ascii=ascii) if v.derived is not None and v.written else ""
        slip = [] if finding.diagnosis is None else finding.diagnosis.lines(derived, ascii)
        if ascii and slip:
            slip[0] = plain(slip[0])
        d = finding.diagnosis
        proved = d is not None and d.proved and d.corrected is not None and d.corrected.name == v.rule.name
        shown = ("derived:", "correct:") if proved else ("derived:",)  # a rule that is right is printed once
        if derived and not any(line.startswith(shown) for line in slip):
            told.append(f"derived: {derived}")
        return [*slip, *told]

    def _total(self) -> str:
        written = [v for v in self.verdicts if v.written]
        wrong = sum(f.kind != "undecided" for f in self.findings)
        if not self.verdicts:
            return "No rule: nothing here has a derivative."
        if wrong:
            return f"{wrong} of {_rules(len(self.verdicts))} {'is' if wrong == 1 else 'are'} not right."
        if self.findings:
            return f"{len(self.findings)} of {_rules(len(self.verdicts))}: neither proved nor compared."
        if not written:
            agree = "it agrees" if len(self.verdicts) == 1 else "all agree"
            return f"{_rules(len(self.verdicts))}, derived; {agree} with JAX."
        proved = sum(v.proved for v in written)
        if proved == len(written):
            return f"Every written rule is proved ({_rules(proved)})."
        return f"{proved} of {_rules(len(written))} proved, the others are equal on every sample."

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return {
            "ok": self.ok,
            "proved": self.proved,
            "given": list(self.given),
            "forward": [str(eq) for eq in self.system],
            "rules": [
                {
                    "tensor": primal(v.rule.name),
                    "rule": v.formula or str(v.rule),
                    "derived": None if v.derived is None else str(v.derived),
                    "written": v.written,
                    "proved": v.proved,
                    "how": v.how,
                    "samples": v.samples,
                }
                for v in self.verdicts
            ],
            "findings": [
                {
                    "kind": f.kind,
                    "tensor": f.tensor,
                    "entry": None if f.entry is None else list(f.entry),
                    "expected": f.expected,
                    "got": f.got,
                    "sizes": dict(f.sizes),
                    "seed": f.seed,
                    "note": f.note,
                    "diagnosis": None if f.diagnosis is None else f.diagnosis.as_dict(),
                }
                for f in self.findings
            ],
        }


def _rules(n: int) -> str:
    return "1 rule" if n == 1 else f"{n} rules"


_ASCII = {
    **{
        "δ": "delta ",
        "∂": "d",
        "Σ": "sum",
        "σ": "sigma",
        "π": "pi",
        "λ": "lambda",
        "Φ": "Phi",
        "φ": "phi",
        "α": "alpha",
    },
    **{"√": "sqrt", "·": "*", "⊙": "*", "≤": "<=", "≥": ">=", "≠": "!=", "−": "-", "²": "^2", "³": "^3"},
    **{"′": "'", "″": "''", "‴": "'" * 3, "→": "->", "…": "...", "×": "*"},
}


def typeset(words: str, axes: Mapping[tuple[str, int], str] | None = None) -> str:
    """Words with expressions of the notation in them, these as a page prints them; ``axes`` names sizes.

    >>> typeset("the term - 1/2 h_bj^2 / sqrt(v + e) is missing: it is one-hot", {("x", 1): "j"})
    'the term − 1/2 h_bj² / √(v + e) is missing: it is one-hot'
    >>> typeset("h_tk stands where h[t-1, k] belongs")
    'h_tk stands where h[t − 1, k] belongs'
    """

    def size(found: re.Match[str]) -> str:
        letter = found[1] if found[2] is None else (axes or {}).get((found[1], int(found[2])))
        return f"|{letter}|" if letter else found[0]

    words = re.sub(r"(?<=[\w′)])\[[^\[\]]*\]", lambda found: re.sub(r"(?<=\w)([-+])(?=\w)", r" \1 ", found[0]), words)
    words = re.sub(r"\bdim\(([^\W\d_]\w*)(?:, (\d+))?\)", size, words)
    words = re.sub(r"(?<=[\w\])}])\^([23])(?![\w.^])", lambda found: "²³"[int(found[1]) - 2], words)
    words = re.sub(r"√\((\|[^|()]+\|)\)", r"√\1", re.sub(r"\bsqrt\(", "√(", words))
    return re.sub(r"(?<![^\W_])-(?=[\s\w(√Σ])", "−", words)


def plain(text: str) -> str:
    """Words and equations for a terminal that has ASCII only, character by character.

    >>> plain("Σ_b δz_bj ≤ 1")
    'sum_b delta z_bj <= 1'
    """
    return "".join(_ASCII.get(c, c) for c in text).encode("ascii", "backslashreplace").decode("ascii")
