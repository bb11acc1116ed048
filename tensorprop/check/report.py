"""What a check found, as data and as a page to read.

In: rules, and for each what is known of it. Out: `Report`. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorprop.core.equation import Equation, System
from tensorprop.text import show

__all__ = ["Finding", "Report", "Verdict", "plain"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a rule.

    ``kind``: ``"value"`` (an entry differs), ``"size"`` (an index runs along axes of different lengths),
    ``"undecided"`` (neither proved nor evaluated). ``entry`` is the first wrong entry of the adjoint of ``tensor``,
    in reading order; ``expected`` is what ``jax.vjp`` gives, ``got`` what the rule gives, for arrays of these
    ``sizes`` drawn with this ``seed``. ``note`` says more, in words.
    """

    kind: str
    tensor: str
    entry: tuple[int, ...] | None = None
    expected: float | None = None
    got: float | None = None
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    seed: int | None = None
    note: str = ""

    def lines(self) -> list[str]:
        """The finding in words, a line each."""
        out: list[str] = []
        if self.entry is not None:
            where = f"δ{self.tensor}[{', '.join(map(str, self.entry))}]" if self.entry else f"δ{self.tensor}"
            sizes = ", ".join(f"{i} = {n}" for i, n in self.sizes.items())
            places = "; ".join(part for part in (sizes, f"seed {self.seed}") if part)
            expected, got = _apart(self.expected or 0.0, self.got or 0.0)
            out.append(f"first wrong entry: {where} should be {expected}, the rule gives {got}  ({places})")
        if self.note:
            out += self.note.split("\n")
        return out


def _apart(a: float, b: float) -> tuple[str, str]:
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
    whether both have one canonical form; ``samples``, on how many random samples every entry agreed with JAX.
    """

    rule: Equation
    derived: Equation | None
    written: bool
    proved: bool
    samples: int
    finding: Finding | None = None

    @property
    def words(self) -> str:
        """The verdict in a word or two."""
        if self.finding is not None:
            return "undecided" if self.finding.kind == "undecided" else "WRONG"
        if not self.written:
            return "derived"
        return "proved" if self.proved else "not proved, equal on every sample"


@dataclass(frozen=True)
class Report:
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
        rules = [show(v.rule, ascii=ascii) for v in self.verdicts]
        width = max((len(r) for r in rules if len(r) <= 60), default=0)
        for v, rule in zip(self.verdicts, rules, strict=True):
            lines.append(f"  {rule.ljust(width)}  {v.words}")
            if v.finding is not None:
                lines += [f"      {plain(line) if ascii else line}" for line in v.finding.lines()]
                if v.derived is not None and v.written:
                    lines.append(f"      derived: {show(v.derived, ascii=ascii)}")
        lines += ["", self._total()]
        if self.given:
            told = f"Given: {'; '.join(self.given)}."
            lines.append(plain(told) if ascii else told)
        if self.how:
            lines.append(plain(self.how) if ascii else self.how)
        return "\n".join(lines)

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
        return f"{proved} of {_rules(len(written))} proved, the others equal on every sample."

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return {
            "ok": self.ok,
            "proved": self.proved,
            "given": list(self.given),
            "forward": [str(eq) for eq in self.system],
            "rules": [
                {
                    "tensor": v.rule.name.removeprefix("δ"),
                    "rule": str(v.rule),
                    "derived": None if v.derived is None else str(v.derived),
                    "written": v.written,
                    "proved": v.proved,
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


def plain(text: str) -> str:
    """Words and equations for a terminal that has ASCII only, character by character.

    >>> plain("Σ_b δz_bj ≤ 1")
    'sum_b delta z_bj <= 1'
    """
    return "".join(_ASCII.get(c, c) for c in text).encode("ascii", "backslashreplace").decode("ascii")
