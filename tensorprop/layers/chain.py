"""Layers in a row: the output of one is the input of the next.

In: layers. Out: one Layer whose page holds all their equations, names and letters made distinct. Sizes are not known
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from tensorprop.calculus.batch import lifted
from tensorprop.calculus.page import Page, axis_letters, seed_of
from tensorprop.calculus.source import names_in
from tensorprop.calculus.ways import kept_of
from tensorprop.core.build import fresh, sum_over
from tensorprop.core.equation import Range, System, system
from tensorprop.core.expr import Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.names import labelled, primal, stem_and_label
from tensorprop.core.walk import fold
from tensorprop.errors import RankMismatch, UsageError
from tensorprop.layers.blocks import Blocks, Use
from tensorprop.layers.layer import Layer, as_layer, entry_of, exit_of, layer_of, saves
from tensorprop.layers.repeat import repeated

__all__ = ["Tensors", "chain", "lettered", "letters_of", "met"]


def chain(
    *layers: Layer | System | str,
    names: Sequence[str] | None = None,
    name: str = "chain",
    shares: str | Sequence[str] = (),
    repeat: int | bool | None = None,
    unroll: bool = False,
    save: str | Sequence[str] | None = None,
) -> Layer:
    """The layers one after the other, as one Layer, with a hand-written rule kept wherever a layer has one.

    Names are numbered by the layers that have parameters: the first Dense has W1, b1 and z1, what follows it without
    parameters of its own shares the number (a1), the next Dense has W2, b2, z2; the layers of a chain in the chain are
    counted one by one. Numbered names are Python identifiers, so parameters are a plain dict ``{"W1": …, "b1": …}``
    that also works as keyword arguments.
    ``names`` gives every layer a label instead: ``names=("in", "", "out", "")`` has W^(in); an empty one is
    that of the layer before. The chain's input, its other inputs (labels y) and its last output keep their names,
    and letters are chosen so that one letter has one size throughout.

    A layer that was written for fewer axes than it is given is applied for every entry of the axes in front:
    ``a_j = tanh(z_j)`` after ``z_bj`` is ``a_bj = tanh(z_bj)``, and what it learns is owed the sum over b. So are the
    first layers where one after them takes more axes.

    ``shares`` names tensors that are one and the same in all layers: an earlier tensor that a later layer takes again
    (``shares="x"`` in a residual block), or tied weights (``shares="W"``), which get no number. What they are owed by
    each layer is added up, so their rules are derived.

    ``repeat=12`` is the whole row 12 times, as a recurrence over depth, in which what is learnt has an axis l in front:
    ``z_lbj = a[l-1, b, i] W_lij``. It compiles once, whatever the depth. ``repeat=True`` reads off the parameters how
    often. ``unroll=True`` writes the layers out, each with parameters of its own number, in place of the recurrence.

    ``save`` names the tensors that are kept for the way back, by the names that they have here: ``save="a1"``; what
    else the rules need is made again from these and the inputs, by `jax_function` and `value_and_grad` alike (which
    may be told otherwise). A chain in a chain keeps what it said, the others what their rules name, as by default.

    Errors: UsageError where a layer has several inputs or outputs that could be meant, or an input that has the name of
    an earlier tensor and is not shared; RankMismatch where axes lack.

    >>> from tensorprop.layers import Dense, Tanh
    >>> print(chain(Dense(), Tanh(), Dense()).system)
    z1_bj = a_bi W1_ij + b1_j
    a1_bj = tanh(z1_bj)
    z2_bk = a1_bj W2_jk + b2_k
    """
    if not layers:
        raise UsageError("a chain needs a layer", fix="chain(Dense(), Tanh(), Dense())")
    if names is not None and len(names) != len(layers):
        raise UsageError(f"{len(names)} names for {len(layers)} layers", fix="give one name to every layer")
    if save is not None:
        made = chain(*layers, names=names, name=name, shares=shares, repeat=repeat, unroll=unroll)
        made.save = kept_of(made.system, save)
        return made
    if repeat is not None:
        row = chain(*layers, names=names, name=name, shares=shares)
        if not unroll:
            return repeated(row, repeat)
        if repeat is True or repeat < 1:
            raise UsageError(f"repeat={repeat} does not say how many layers are written out", fix="write repeat=12")
        return chain(*[row] * repeat, name=name)
    return _row([as_layer(x) for x in layers], names, name, shares)


def _row(links: list[Layer], names: Sequence[str] | None, name: str, shares: str | Sequence[str]) -> Layer:
    """The layers one after the other, names and letters made distinct."""
    variant: Layer | None = None
    if any(x.for_inference is not x for x in links):
        variant = chain(*(x.for_inference for x in links), names=names, name=name, shares=shares)
    tensors = Tensors(links, names, names_in(shares))
    letters: set[str] = set()
    pages: list[Page] = []
    parameters: list[str] = []
    kept: list[str] = []
    uses: list[Use] = []
    saving: list[tuple[Layer, Page, Mapping[str, str]]] = []
    last: Tensor | None = None
    for n, link in enumerate(links):
        entry = entry_of(link, n)
        page = _fitted(link, entry, last) if last is not None else _first(links, entry)
        called = tensors.of(link, n, page, {entry: entry if last is None else last.name})
        others = set[str]().union(*(letters_of(x.page) for x in links if x is not link))
        page = page.rename(called)
        page = lettered(page, {} if last is None else met(page, last), letters, others)
        pages.append(page)
        saving.append((link, page, called))
        kept += [called.get(k, k) for k in link.kept]
        new = tuple(called.get(p, p) for p in names_in(link.parameters))
        parameters += [p for p in new if p not in parameters]
        last = page.system[exit_of(link, n, page.system)].target
        fed = {i: called[i] for i in link.system.inputs if i in link.inputs or called[i] not in tensors.numbered}
        uses.append(Use((last.name,), link, fed, new))
    tensors.all_shared()
    takes = entry_of(links[0], 0)
    numbered = {} if names is not None else tensors.numbered
    whole = Page(
        system(
            (eq for page in pages for eq in page.system), dict.fromkeys(f for page in pages for f in page.system.facts)
        ),
        tuple(eq for page in reversed(pages) for eq in page.rules if primal(eq.name) not in tensors.again),
        tuple(eq for page in reversed(pages) for eq in page.parts),
        tuple(pair for page in pages for pair in page.given),
    )
    made = layer_of(whole, name, parameters, takes, numbered, variant)
    made.kept, made.save = tuple(kept), saves(saving)
    made.blocks = Blocks(tuple(uses))
    return made


# --------------------------------------------------------------------------- what is joined to what
def _first(links: list[Layer], entry: str) -> Page:
    """The first layer's page, over as many axes in front as some layer after it needs, in that one's letters."""
    page, grown = links[0].page, 0
    has = most = page.system.rank(entry)
    letters = axis_letters(page.system, entry)
    for n, link in enumerate(links):
        taken = entry_of(link, n)
        rank = link.system.rank(taken)
        if rank - grown > most:
            most, letters = rank - grown, axis_letters(link.system, taken)
        outputs = link.system.outputs
        grown += (link.system.rank(outputs[0]) if len(outputs) == 1 else rank) - rank
    if most == has or seed_of(page.system) is not None:
        return page
    for letter in reversed(letters[: most - has]):
        page = _over(page, letter or "b", entry)
    old = axis_letters(page.system, entry)[:-1]
    new = {i: j for i, j in zip(old, letters[: most - 1], strict=True) if i is not None and j is not None}
    if any(j in letters_of(page) and j not in new for j in new.values()):
        return page
    return page.map(lambda e: _called(e, new))


def _fitted(link: Layer, entry: str, last: Tensor) -> Page:
    """The layer's page with as many axes in front as the tensor has that it is given."""
    page = link.page
    has, needs = len(last.subscripts), page.system.rank(entry)
    if needs > has:
        raise RankMismatch(
            f"{link.name} takes {entry} with {needs} axes, and is given {last} with {has}",
            fix="write the layers before it with a batch index, or put it over one with tensorprop.batch",
        )
    if needs < has and seed_of(page.system) is not None:
        raise RankMismatch(
            f"{link.name} makes one number of {entry} with {needs} axes, and is given {last} with {has}",
            fix="write the loss for these axes, so that it says how it adds up or averages over them",
        )
    for letter in reversed([i.name for i in last.subscripts[: has - needs] if isinstance(i, Index)]):
        page = _over(page, letter, entry)
    return page


def _over(page: Page, like: str, entry: str) -> Page:
    """The page for every value of one more index, in a letter that it has not."""
    used = letters_of(page)
    return lifted(page, fresh(like, used) if like in used else like, entry)


# --------------------------------------------------------------------------- names
class Tensors:
    """What the tensors of each layer are called in the chain."""

    def __init__(self, links: list[Layer], names: Sequence[str] | None, shares: Sequence[str]) -> None:
        self.shared: dict[str, str | None] = dict.fromkeys(shares)  # what each is called in the chain
        self.again: set[str] = set()  # those that a second layer has too
        self.parameters = [names_in(link.parameters) for link in links]
        self.taken: set[str] = set()
        self.made: dict[tuple[str, int], str] = {}  # a layer's outputs and their axes: what each is called here
        self.inner: dict[tuple[str, int], str] = {}  # and what else it works out
        self.labels: list[str] = []
        self.before: list[int] = []  # how many numbers the layers before have used
        self.inside = [link.numbered if names is None else {} for link in links]
        self.numbered: dict[str, tuple[str, int]] = {}
        number = 0
        for n in range(len(links)):
            self.before.append(number)
            if names is not None:
                self.labels.append(names[n] or (self.labels[-1] if self.labels else ""))
                continue
            used = max((k for _, k in self.inside[n].values()), default=1)
            number += used if self.parameters[n] else 0
            self.labels.append(str(max(number, 1)))

    def of(self, link: Layer, n: int, page: Page, joined: Mapping[str, str]) -> dict[str, str]:
        """Old name → new name, for the layer number ``n``; those that are ``joined`` to others have theirs."""
        s, called = page.system, dict(joined)
        self.taken.update(called.values())
        for name, new in called.items():
            if name in self.shared and self.shared[name] is None:
                self.shared[name] = new
        keeps = set(s.outputs) if seed_of(s) is not None else set[str]()
        for name in (*s.names, *(eq.name for eq in page.parts)):
            plain = name in keeps or (name in s.inputs and name not in (*self.parameters[n], *link.kept))
            base, label = name, "" if plain else self.labels[n]
            if name in self.inside[n]:  # of a chain in the chain: its numbers go on from those before
                base, k = self.inside[n][name]
                label = str(self.before[n] + k)
            if name in joined:
                self._known(joined[name], base, label)
                continue
            if (shared := self._shared(name, s.inputs)) is not None:
                called[name] = shared
                continue
            if plain and name in s.inputs and name in self.taken:
                raise UsageError(
                    f"{name}, which {link.name}, layer {n + 1}, takes besides {', '.join(joined)}:"
                    f" the {name} of the chain,"
                    " or an input of its own?",
                    fix=f'write shares="{name}" for the one that is there, or give the other one another name',
                )
            if plain and name in s.inputs and (earlier := self._made(link, name, s.rank(name))) is not None:
                raise UsageError(
                    f"{name}, which {link.name}, layer {n + 1}, takes besides {', '.join(joined)}: the {name} that an"
                    f" earlier layer has made, here {earlier}, or an input of its own?",
                    fix=f'write shares="{name}" for the one that is there, or give the other one another name',
                )
            called[name] = self._free(base, label)
            if name in self.shared and self.shared[name] is None:
                self.shared[name] = called[name]
            self.taken.add(called[name])
        self.made.update({(name, s.rank(name)): called[name] for name in s.outputs})
        self.inner.update({(name, s.rank(name)): called[name] for name in s.names if s.defines(name)})
        return called

    def _made(self, link: Layer, name: str, rank: int) -> str | None:
        """What a tensor is called that an earlier layer made, and that an input may be: of equations that somebody
        wrote any one, of a layer with a class or links of its own, whose inputs are told (Dropout's m), an output."""
        told = type(link) is not Layer or link.blocks is not None
        return self.made.get((name, rank), None if told else self.inner.get((name, rank)))

    def _shared(self, name: str, inputs: Sequence[str]) -> str | None:
        """What a tensor that is shared is called, where an earlier layer has it; a parameter has no number."""
        if name not in self.shared:
            return None
        before = self.shared[name]
        if before is not None and name in inputs:
            self.again.add(before)
            return before
        if before is None and name in inputs:
            self.shared[name] = name
            self.taken.add(name)
            return name
        return None

    def all_shared(self) -> None:
        """Errors: UsageError where something is said to be shared that no two layers have."""
        for name, new in self.shared.items():
            if new is None or new not in self.again:
                raise UsageError(
                    f"{name} is said to be shared, and no two layers of the chain have it as an input",
                    fix="name what a later layer takes again, as it is called there",
                )

    def _known(self, given: str, name: str, label: str) -> None:
        """A name that is given may be the one that the tensor would have had."""
        if label.isdigit():
            number = int(label)
            while (new := _labelled(name, str(number))) in self.taken and new != given:
                number += 1
            if new == given:
                self.numbered[given] = name, number

    def _free(self, name: str, label: str) -> str:
        """The name with its label; counted on where that is taken."""
        new = _labelled(name, label)
        number = int(label) if label.isdigit() else 1
        while new in self.taken:
            number += 1
            new = _labelled(name, str(number))
        if label.isdigit():
            self.numbered[new] = name, number
        return new


def _labelled(name: str, label: str) -> str:
    if not label:
        return name
    if label.isdigit() and "^" not in name and not name[-1:].isdigit():
        return name + label
    stem, old = stem_and_label(name)
    return labelled(stem, old + label)


def letters_of(page: Page) -> set[str]:
    """Every letter on the page, free or bound."""
    found: set[str] = set()
    for eq in (*page.system, *page.rules, *page.parts):
        found |= {*eq.letters, *eq.value.free, *eq.value.binds}
    return found


def met(page: Page, given: Tensor) -> dict[str, str]:
    """The letters of a page for the axes of a tensor that it is given, and those that the tensor has there."""
    pairs = zip(axis_letters(page.system, given.name), given.letters or (), strict=True)
    return {i: j for i, j in pairs if i is not None}


def lettered(page: Page, fixed: Mapping[str, str], taken: set[str], others: Set[str]) -> Page:
    """The page in letters of its own, but those that are ``fixed``; ``taken`` grows.

    A letter of which a range is stated is that of no other page, whose letters, also in rules, are among ``others``.
    """
    new = dict(fixed)
    forward: set[str] = set()
    for eq in page.system:
        forward |= {*eq.letters, *eq.value.binds}
    stated = {f.letter for f in page.system.facts if isinstance(f, Range)}
    used = set(new.values())
    for i in sorted(letters_of(page), key=lambda i: (i not in forward, i)):
        if i not in new:
            clash = taken | used | (others if i in stated else set[str]())
            new[i] = i if i not in clash else fresh(i, clash | forward)
            used.add(new[i])
    taken |= {new[i] for i in forward}
    return page.map(lambda e: _called(e, new))


def _called(e: Expr, new: dict[str, str]) -> Expr:
    """``e`` with all its letters, bound ones too, called otherwise; no two get one name."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Index(name):
                return Index(new.get(name, name))
            case Sum(indices):
                return sum_over((new.get(i, i) for i in indices), children[0])
            case Reduce(op, indices):
                return Reduce(op, tuple(new.get(i, i) for i in indices), children[0], children[1:])
            case _:
                return n.rebuild(children)

    return fold(e, rule)
