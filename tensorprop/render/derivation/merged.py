"""Of several facts that answer one question: what is said at length, and what of the others, each thing once.

In: the `Fact`s of one question. Out: the answer, and the brief one for a reader who has met its like.
"""

from __future__ import annotations

from tensorprop.render.derivation.facts import TWIN
from tensorprop.render.derivation.sentences import Sentence, join, listed, say
from tensorprop.render.derivation.signs import Fact

__all__ = ["answers"]

_AGAIN = frozenset({"product", "transpose", "order", "inner", "scale", "elementwise", "over", "sum", "broadcast"})
"""Topics whose law is said with the first fact, and not again with the others."""


_ONES = "{one} is a vector of ones, the same for every {i}."
_NORM = "{A} meets itself, and every index is summed: its norm."
_PLACES = "In {f} the factors stand in the order of their indices."
_RUNS = "The sum runs over {{W}}'s {} index, {{j}}: {{W}} is turned."
_RUN = "The sum runs over the {} index of {{W}}, {{j}}: each is turned."
_MANY = {
    "{f} is taken before the sum over {j}.": "{f} are taken before the sum over {j}.",
    "{j} is summed, in {A} alone, by {one}.": "{j} are summed, in {A} alone, by {one}.",
    "{A} has no {j}: {one} repeats it.": "{A} have no {j}: {one} repeats each.",
    "{s} is one number: {one} repeats it.": "{s} are numbers: {one} repeats each.",
    _ONES: _ONES,
    _NORM: f"Each of {_NORM}",
    **{f"{{i}} is kept: {sign}.": f"{{i}} are kept: {sign}." for sign in "⊙⊘"},
    **{_RUNS.format(own): _RUN.format(own) for own in ("first", "second", "row", "column")},
    _PLACES: _PLACES,
    TWIN: TWIN.replace("stands", "stand").replace("the two", "each two"),
}
"""Sentences that are said once of several things, which take the first place."""
_STAYS = say("No factor needs to be turned.")
_BETWEEN = say("What is summed must stand between its two factors.")


def _signed(topic: str, found: list[Fact]) -> list[Fact]:
    """Of a sum, and of a transpose, what its sign says is enough where it was said before why there is one."""
    if topic not in ("sum", "transpose", "order"):
        return found
    signed = [f for f in found if f.signs] or found
    if len(signed) > 1 and (topic == "order" or (topic == "transpose" and signed is found)):
        return [Fact(topic, found[0].said, _BETWEEN if topic == "order" else _STAYS)]
    return signed


def _told(topic: str, again: bool, f: Fact) -> Sentence:
    return f.brief if again and topic in _AGAIN and (f.signs or topic == "transpose") else f.said


def _merged(said: list[Sentence]) -> list[Sentence]:
    """Sentences, each once; those that differ in their first place alone are one, of all of these."""
    groups: dict[object, list[Sentence]] = {}
    for s in said:
        groups.setdefault((s.text, s.places[1:]) if s.text in _MANY else s, []).append(s)
    made: list[Sentence] = []
    for first, *others in groups.values():
        if all(s == first for s in others):
            made.append(first)
            continue
        every = list(dict.fromkeys(s.places[0][1] for s in (first, *others)))
        made.append(say(_MANY[first.text], **{**dict(first.places), first.places[0][0]: listed(every)}))
    return made


def answers(topic: str, found: list[Fact]) -> tuple[Sentence, Sentence]:
    """The answer to a question, and the brief one."""
    once = list({f.brief: f for f in reversed(found)}.values())[::-1]  # what is alike is said with the first
    told = once if topic == "transpose" else [f for f in once if f.signs]  # with these the law was said
    said = [_told(topic, any(e in told for e in once[:n]), f) for n, f in enumerate(once)]
    return join(_merged(said)), join(_merged([f.brief for f in _signed(topic, once)]))
