"""The commands ``parse``, ``derive`` and ``plan``: equations in, equations or a table out.

In: a text. Out: an `Answer`. What a verb needs is imported when it runs.
"""

from __future__ import annotations

import re
from typing import Any

import click

from tensorprop.cli.asked import Answer, argument, equations, texts, variables
from tensorprop.cli.terminal import columns, is_ascii
from tensorprop.errors import MissingInput

__all__ = ["derive", "parse", "plan"]

_SHAPE = re.compile(r"([^\s=]+)=\(?(\d+(?:,\d+)*),?\)?")


def _equations(result: Any, **data: Any) -> Answer:
    from tensorprop.text import show

    return Answer(show(result, ascii=is_ascii()), lambda: data)


@click.command()
@equations
def parse(text: str, convention: str) -> Answer:
    """Read equations and write them as they were understood."""
    from tensorprop.text import parse as read

    s = read(text, convention=convention)
    axes = {name: s.rank(name) for name in s.names}
    return _equations(s, equations=texts(s), inputs=s.inputs, outputs=s.outputs, axes=axes, functions=s.functions)


@click.command()
@equations
@variables("The variables, such as W,b: W for its backward rule, x_k for the derivative.")
@click.option("--of", "output", metavar="NAME", help="The output that is differentiated, where there are several.")
@click.option("--jacobian", is_flag=True, help="The derivative itself, as one equation; --wrt twice is the Hessian.")
@click.option(
    "--symmetry",
    type=click.Choice(("free", "projected", "triangle")),
    default="free",
    show_default=True,
    help="The derivative by a declared matrix: of free entries, projected on what is declared, or by a triangle's.",
)
def derive(
    text: str, convention: str, wrt: tuple[str, ...], output: str | None, jacobian: bool, symmetry: str
) -> Answer:
    """Derive the backward rules: one line for every tensor between the variables and the error.

    With --jacobian, or a variable with indices of its own (--wrt x_k), derive the derivative of the output instead.
    """
    from tensorprop.calculus import adjoint
    from tensorprop.calculus import derive as differentiate
    from tensorprop.calculus.source import as_forward

    s = as_forward(text, *wrt, output, convention=convention)
    if jacobian or any("_" in name or "[" in name for name in wrt):
        if not wrt:
            raise click.UsageError("--jacobian needs --wrt: the variable, such as --wrt x or --wrt x_k")
        eq = differentiate(s, wrt=wrt, of=output, symmetry=symmetry)
        return _equations(eq, equations=[str(eq)])
    rules = adjoint(s, wrt=wrt or None, of=output, symmetry=symmetry)
    return _equations(rules, equations=texts(rules), inputs=rules.inputs)


@click.command()
@equations
@click.option(
    "--size", "sizes", multiple=True, metavar="INDEX=N", help="Sizes of indices, such as b=128,i=784; may be repeated."
)
@click.option("--shapes", multiple=True, metavar="NAME=N,M", help="Shapes of tensors, such as E=100,16 or A=5,5.")
@variables("Plan the backward rules of these too.")
def plan(text: str, convention: str, sizes: tuple[str, ...], shapes: tuple[str, ...], wrt: tuple[str, ...]) -> Answer:
    """Choose the order of contraction, and print what it costs."""
    from tensorprop.calculus.source import as_system
    from tensorprop.run import plan as contract

    table: dict[str, int] = {}
    for item in " ".join(sizes).replace(",", " ").split():
        name, _, number = item.partition("=")
        if not name or not number.isdecimal():
            raise click.UsageError(f"--size {item}: write an index and its size, such as --size b=128")
        table[name] = int(number)
    known: dict[str, tuple[int, ...]] = {}
    for item in map(argument, " ".join(shapes).split()):
        if (m := _SHAPE.fullmatch(item)) is None:
            raise click.UsageError(f"--shapes {item}: write a tensor and its sizes, such as --shapes E=100,16")
        known[m[1]] = tuple(int(n) for n in re.findall(r"\d+", m[2]))
    s = as_system(text, convention)
    if wrt:
        from tensorprop.calculus import adjoint
        from tensorprop.calculus.source import as_forward

        s = as_forward(text, *wrt, convention=convention)
        s = s + adjoint(s, wrt=wrt)
    try:
        p = contract(s, table, known)
    except MissingInput as error:
        axis = re.search(r"\baxis \d+ of (\S+?)(?=,|$)", error.problem)
        error.fix = (
            f"say it with --shapes, such as --shapes {axis[1]}=5,5"
            if axis
            else "say it with --size, such as --size b=128"
        )
        raise
    return Answer(p.show(columns()), p.as_dict, line=f"{p.flops} flops, {p.bytes} bytes moved, {p.peak} at most held")
