"""Pages that call pages: a model as lines of equations and of calls, in any acyclic order.

In: a text and the layers that it calls. Out: one Layer whose page holds all their equations, names and letters made
distinct. Sizes are not known here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from tensorprop.calculus.batch import lifted
from tensorprop.calculus.page import Page, axis_letters, read, seed_of
from tensorprop.calculus.source import names_in
from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Index, Tensor
from tensorprop.core.names import primal, stem_and_label
from tensorprop.core.walk import tensors_of
from tensorprop.errors import DuplicateDefinition, RankMismatch, TensorpropError, UnknownName, UsageError, among
from tensorprop.layers.blocks import Blocks, Use
from tensorprop.layers.chain import Tensors, lettered, letters_of, met
from tensorprop.layers.layer import Layer, as_layer, layer_of, saves
from tensorprop.layers.repeat import repeated
from tensorprop.text.headings import PageHeading, headings

__all__ = ["compose"]

_BACKWARD = re.compile("^backward:[ \t]*$", re.MULTILINE)


class PageCall(NamedTuple):
    """A call, ``y, s = Cell(x, h, W=V)``: what it gives, what is called, what it is given by place and by name."""

    gives: tuple[str, ...]
    page: str
    places: tuple[str, ...]
    named: dict[str, str]
    span: tuple[int, int]
    times: int | bool | None = None


def compose(
    text: str,
    uses: Mapping[str, Layer | System | str | type[Layer]] | None = None,
    *,
    name: str | None = None,
    parameters: str | Iterable[str] = (),
    takes: str | None = None,
) -> Layer:
    """A model as one Layer: lines that are equations, and lines that call a page by a name in ``uses``.

    ``a = Attention(n)`` gives the whole tensor n to the page that ``uses`` calls Attention, and calls a what comes out.
    What a page takes is given in the order of its inputs, that of ``takes`` first, or by name. Parameters are the
    model's, numbered by the call, ``γ1``, ``W2`` as in a chain; a call that gives one by name, ``E=T``, ties it: T is
    the model's, in all places that give it. A page with several outputs gives them in order: ``h, c = Cell(x, k, s)``.
    Equations may stand between, before and after; a page that was written for fewer axes than it is given is applied
    for every entry of those in front.

    Rules that a page was written with are kept, but for what more than one line reads: it is owed by each, so its rule
    is derived. So are those of a loss where the model has other outputs besides.

    Pages may be told in the text too, each under a heading with what it takes and what it learns, ``Dense(a; W, b):``,
    its lines below and indented, and those for inference under ``Dense at inference:``. Where there are headings alone,
    the last one is the model; `print` tells a model so. ``y = Row(x, repeat=12)`` is a page 12 times, as in a chain.

    ``parameters`` are those of the lines that are equations.

    Errors: UsageError where a call does not fit its page, UnknownName, DuplicateDefinition, RankMismatch.

    >>> from tensorprop.layers import Dense, LayerNorm
    >>> print(compose('''
    ...     n = Norm(x)
    ...     z = Dense(n)
    ...     r_bi = x_bi + z_bi
    ... ''', {"Norm": LayerNorm(), "Dense": Dense()}).system)
    m1_b = mean_i(x_bi)
    v1_b = mean_i((x_bi - m1_b)^2)
    r1_b = 1 / sqrt(v1_b + 1e-5)
    n1_bi = (x_bi - m1_b) r1_b
    n_bi = γ1_i n1_bi + β1_i
    z_bi = n_bk W2_ki + b2_i
    r_bi = x_bi + z_bi
    """
    told, rest = headings(text)
    layers = {called: as_layer(x) for called, x in (uses or {}).items()}
    for page in told:
        if page.name in layers:
            raise DuplicateDefinition(f"{page.name} is told twice", text, page.span, fix="give one another name")
        layers[page.name] = _under(page, layers, text)
    if told and not _bare(rest):
        return layers[told[-1].name]
    idle = {page.name for page in told if not any(f"{page.name}(" in other.body for other in told)}
    return _composed(rest, layers, name or "model", names_in(parameters), takes, idle | set(uses or ()))


def _composed(
    text: str,
    layers: Mapping[str, Layer],
    name: str,
    parameters: tuple[str, ...],
    takes: str | None,
    wanted: Set[str],
) -> Layer:
    """The Layer that the lines are; each page of ``wanted`` is called by one."""
    calls, rest = _read(text, layers, wanted)
    own = read(rest) if _bare(rest) else Page(system(()))
    variant = None
    if any(layers[line.page].for_inference is not layers[line.page] for line in calls):
        variant = _Model(text, layers, calls, own, parameters, inference=True).layer(name, takes)
    return _Model(text, layers, calls, own, parameters).layer(name, takes, variant)


def _bare(text: str) -> str:
    """What stands in a text besides remarks."""
    return "".join(line.partition("#")[0] for line in text.splitlines()).strip(" ;")


def _under(page: PageHeading, above: Mapping[str, Layer], text: str) -> Layer:
    """The Layer that stands under a heading, whose lines may call those above. Errors: UsageError."""
    first = page.takes[0] if page.takes else None
    if any(_call(part, (0, 0), page.body, above) for part in re.split("[;\n]", re.sub("#.*", "", page.body))):
        made = _composed(page.body, above, page.name, page.learnt, first, set())
    else:
        forward, *backward = _BACKWARD.split(page.body, maxsplit=1)
        made = Layer(
            forward, *backward, name=page.name, parameters=page.learnt, takes=first, inference=page.inference or ""
        )
    if set(made.inputs) != set(page.takes):
        raise UsageError(
            f"{page.name} takes {_list(made.inputs)} besides what it learns, and its heading says {_list(page.takes)}",
            text,
            page.span,
            fix=f"{page.name}({'; '.join(filter(None, (', '.join(made.inputs), ', '.join(page.learnt))))}):",
        )
    return made


# --------------------------------------------------------------------------- reading calls
def _read(text: str, layers: Mapping[str, Layer], wanted: Set[str]) -> tuple[list[PageCall], str]:
    """The calls of a text, and the text with blanks in their place; each page of ``wanted`` is called."""
    if not layers:
        raise UsageError("uses says which pages are called", fix='uses={"Norm": LayerNorm()}')
    found: list[PageCall] = []
    rest, at = "", 0
    for line in text.splitlines(keepends=True):
        said, parts = line.partition("#")[0], list[str]()
        for part in said.split(";"):
            call = _call(part, (at, at + len(part.rstrip())), text, layers)
            found += [call] if call else []
            parts.append(" " * len(part.rstrip()) + part[len(part.rstrip()) :] if call else part)
            at += len(part) + 1
        rest += ";".join(parts) + line[len(said) :]
        at = len(rest)
    for called in layers:
        if called in wanted and all(line.page != called for line in found):
            raise UsageError(f"no line calls {called}", fix=f"write y = {called}(x), or leave it out of uses")
    return found, rest


def _call(part: str, span: tuple[int, int], text: str, layers: Mapping[str, Layer]) -> PageCall | None:
    """What a statement calls, if it calls a page. Errors: UsageError."""
    left, _, right = (side.strip() for side in part.partition("="))
    page, opened, inside = right.partition("(")
    if page.strip() not in layers or not opened or not inside.endswith(")"):
        return None
    places: list[str] = []
    named: dict[str, str] = {}
    times: int | bool | None = None
    for given in filter(None, map(str.strip, inside[:-1].split(","))):
        key, sign, value = (side.strip() for side in given.partition("="))
        if sign and key == "repeat" and key not in layers[page.strip()].system.inputs:
            times = _times(value, text, span)
        elif sign:
            named[key] = value
        elif named:
            raise UsageError(f"{key} is given by place after one by name", text, span, fix="put it before")
        else:
            places.append(key)
    gives = tuple(name.strip() for name in left.split(","))
    for name in (*gives, *places, *named.values()):
        if not _is_whole(name):
            raise UsageError(
                f"{name or 'nothing'} is no name of a whole tensor",
                text,
                span,
                fix="a call takes and gives whole tensors, without indices: y = Page(x)",
            )
    return PageCall(gives, page.strip(), tuple(places), named, span, times)


def _times(said: str, text: str, span: tuple[int, int]) -> int | bool:
    """How often a page is used, as a call says it."""
    if said == "True":
        return True
    if said.isdecimal():
        return int(said)
    raise UsageError(f"repeat={said}", text, span, fix="write repeat=12, or repeat=True: as the parameters tell")


def _is_whole(name: str) -> bool:
    """Whether this is a name, perhaps with a label: ``x0``, ``W^(q)``."""
    head = stem_and_label(name)[0]
    return head.isalnum() and head[0].isalpha()


# --------------------------------------------------------------------------- putting together
class _Model:
    """The pages of all calls, joined by the names of the text."""

    def __init__(
        self,
        text: str,
        layers: Mapping[str, Layer],
        calls: list[PageCall],
        own: Page,
        parameters: tuple[str, ...],
        inference: bool = False,
    ) -> None:
        self.text = text
        self.written = own
        self.calls = calls
        self.links = [_repeated(layers[line.page], line.times) for line in calls]
        self.own = own.system
        self.fed = [self._fed(line, link) for line, link in zip(calls, self.links, strict=True)]
        self.given = [self._given(line, link) for line, link in zip(calls, self.links, strict=True)]
        if inference:  # calls are those of the pages that learn; what the others do not need is not given to them
            self.links = [link.for_inference for link in self.links]
            used = [link.system.inputs for link in self.links]
            self.fed = [{i: t for i, t in fed.items() if i in u} for fed, u in zip(self.fed, used, strict=True)]
        self.known: dict[str, Tensor] = {eq.name: eq.target for eq in self.own if eq.place is None}
        made = {n for line in calls for n in line.gives}
        self.wanted: dict[str, Tensor] = {}  # tensors that calls give, with the letters in which equations read them
        for t in (t for eq in self.own for t in tensors_of(eq.value) if t.name in self.own.inputs):
            known = Tensor(t.name, tuple(map(Index, self._axes(t.name))))
            (self.wanted if t.name in made else self.known).setdefault(t.name, known)
        self.parameters = list(parameters)
        self.own_parameters = parameters
        self.learns: dict[int, tuple[str, ...]] = {}
        self.saving: list[tuple[Layer, Page, Mapping[str, str]]] = []
        self.layers = layers
        for p in parameters:
            if p not in self.own.inputs:
                raise UnknownName(f"{p} is not an input of the equations", **among(p, self.own.inputs, "inputs"))

    def _axes(self, name: str) -> tuple[str, ...]:
        """A letter for every axis of an input of the equations."""
        own = axis_letters(self.own, name)
        return tuple(i or f"_{k}" for k, i in enumerate(own))

    def _fed(self, line: PageCall, link: Layer) -> dict[str, str]:
        """Input of the page → tensor of the model. Errors: UsageError, UnknownName."""
        order = sorted(link.inputs, key=lambda i: i != link.takes)
        for key in line.named:
            if key not in link.system.inputs:
                raise self._at(
                    UnknownName(f"{line.page} takes no {key}", **among(key, link.system.inputs, "inputs")), line
                )
        free = [i for i in order if i not in line.named]
        if len(free) != len(line.places):
            raise self._at(
                UsageError(
                    f"{line.page} takes {_list(free)}, and is given {_list(line.places)}",
                    known=f"its parameters {_list(link.parameters)} are the model's own unless given by name",
                    fix=f"{line.gives[0]} = {line.page}({', '.join(free)})",
                ),
                line,
            )
        return {**dict(zip(free, line.places, strict=True)), **line.named}

    def _given(self, line: PageCall, link: Layer) -> dict[str, str]:
        """Output of the page → tensor of the model. Errors: UsageError."""
        if len(line.gives) != len(link.outputs):
            raise self._at(
                UsageError(
                    f"{line.page} gives {', '.join(link.outputs)}, and {len(line.gives)} are named",
                    fix=f"{', '.join(link.outputs)} = {line.page}({', '.join(line.places)})",
                ),
                line,
            )
        return dict(zip(link.outputs, line.gives, strict=True))

    def _at(self, error: TensorpropError, line: PageCall) -> TensorpropError:
        """The error with the call under its caret."""
        begin, end = line.span
        begin += len(self.text[begin:end]) - len(self.text[begin:end].lstrip())
        return error.at(self.text, (begin, end))

    def layer(self, name: str, takes: str | None, variant: Layer | None = None) -> Layer:
        """All pages as one."""
        tensors = Tensors(self.links, None, ())
        defined = Counter([*(eq.name for eq in self.own), *(n for line in self.calls for n in line.gives)])
        for line in self.calls:
            for n in line.gives:
                if defined[n] > 1:
                    raise self._at(DuplicateDefinition(f"{n} is defined twice", fix="give one another name"), line)
        tensors.taken |= {*self.own.names, *defined, *(t for fed in self.fed for t in fed.values())}
        reads = Counter(n for eq in self.own for n in {*eq.inputs})
        for fed in self.fed:
            reads.update(fed.values())
        letters = {i for eq in self.own for i in (*eq.letters, *eq.value.binds)}
        pages: list[Page] = []
        for n, (line, link) in enumerate(zip(self.calls, self.links, strict=True)):
            page = self._placed(n, line, link, tensors, letters)
            pages.append(page)
            self.known.update((eq.name, eq.target) for eq in page.system if eq.place is None)
        every = [*pages, self.written]
        facts = dict.fromkeys(f for page in every for f in page.system.facts)
        forward = system((eq for page in every for eq in page.system), facts)
        one = seed_of(forward) is not None  # else what a loss says, beginning with δE = 1, is not said of the model
        kept = [page for page in reversed(every) if one or seed_of(page.system) is None]
        whole = Page(
            system(forward.ordered, facts),
            tuple(eq for page in kept for eq in page.rules if reads[primal(eq.name)] < 2),
            tuple(eq for page in kept for eq in page.parts),
            tuple(pair for page in every for pair in page.given),
        )
        made = layer_of(whole, name, self.parameters, takes, tensors.numbered, variant)
        made.blocks = self._told(whole, made)
        found = saves(self.saving)
        made.save = found if found is None else found | {eq.name for eq in self.own}
        return made

    def _told(self, whole: Page, made: Layer) -> Blocks:
        """The calls and equations, in the order in which they are worked out."""
        given = {g: (line, n) for n, line in enumerate(self.calls) for g in line.gives}
        uses = {
            n: Use(line.gives, self.layers[line.page], fed, self.learns[n], line.times)
            for n, (line, fed) in enumerate(zip(self.calls, self.fed, strict=True))
        }
        lines: list[Use | Equation] = []
        mine = {eq.name for eq in self.own}
        for eq in whole.system:
            if eq.name in mine:
                lines.append(eq)
            elif eq.name in given and given[eq.name][1] in uses:
                lines.append(uses.pop(given[eq.name][1]))
        own = tuple(eq for eq in whole.rules if eq.name in {r.name for r in self.written.rules})
        known = names_in(made.parameters)
        return Blocks(tuple(lines), own, tuple(p for p in self.own_parameters if p in known))

    def _placed(self, n: int, line: PageCall, link: Layer, tensors: Tensors, letters: set[str]) -> Page:
        """The page of a call in the model's names and letters, over the axes of what it is given."""
        fed = self.fed[n]
        later = {g for after in self.calls[n:] for g in after.gives}
        for new in fed.values():
            if new in later:
                raise self._at(
                    UsageError(f"{new} is given before it is there", fix=f"write the line {new} = … further up"), line
                )
        page = self._fitted(line, link, fed)
        called = tensors.of(link, n, page, {**fed, **self.given[n]})
        page = page.rename(called)
        self.saving.append((link, page, called))
        self.learns[n] = tuple(map(called.__getitem__, names_in(link.parameters)))
        fixed: dict[str, str] = {}
        joined = [*map(self.known.get, fed.values()), *map(self.wanted.get, self.given[n].values())]
        for there in filter(None, joined):
            if len(there.subscripts) == page.system.rank(there.name):
                fixed = {**met(page, there), **fixed}
        self.parameters += [p for p in map(called.__getitem__, names_in(link.parameters)) if self._free(p)]
        others = set[str]().union(*(letters_of(x.page) for x in self.links if x is not link))
        return lettered(page, _distinct(fixed), letters, others | letters)

    def _free(self, name: str) -> bool:
        """Whether a tensor is a parameter that is not there yet."""
        made = {*(eq.name for eq in self.own), *(g for line in self.calls for g in line.gives)}
        return name not in self.parameters and name not in made

    def _fitted(self, line: PageCall, link: Layer, fed: Mapping[str, str]) -> Page:
        """The page with as many axes in front as what it is given has more. Errors: RankMismatch."""
        page, more = link.page, dict[str, int]()
        for old, new in fed.items():
            there = self.known.get(new)
            if there is None:
                continue
            more[old] = len(there.subscripts) - page.system.rank(old)
            if more[old] < 0 or (more[old] and old in link.parameters):
                raise self._at(
                    RankMismatch(f"{line.page} takes {old} with {page.system.rank(old)} axes, and is given {there}"),
                    line,
                )
        for k in range(1, max(more.values(), default=0) + 1):
            over = [old for old, extra in more.items() if extra >= k]
            like = (self.known[fed[over[0]]].letters or ())[more[over[0]] - k]
            used = letters_of(page)
            free = like if like not in used else next(c for c in "bcdefghijklmnopqrstuvwxyz" if c not in used)
            page = lifted(page, free, over)
        return page


def _repeated(page: Layer, times: int | bool | None) -> Layer:
    return page if times is None else repeated(page, times)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _distinct(fixed: Mapping[str, str]) -> dict[str, str]:
    """The letters without those that two others would share: one of them steps aside."""
    found: dict[str, str] = {}
    for i, j in fixed.items():
        if j not in found.values():
            found[i] = j
    return found
