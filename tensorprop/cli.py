"""The command line: ``tensorprop parse | derive | check | plan``.

In: equations as arguments, from files or from standard input. Out: text, or JSON; exit code 0 where all is well, 1
where the input is wrong or a check failed, 2 where the command was called wrongly. What a verb needs is imported when
it runs.
"""

from __future__ import annotations

import json
import sys

import click

import tensorprop
from tensorprop.cli_explain import COMMANDS
from tensorprop.cli_text import equations, is_ascii, printed, several, texts, write
from tensorprop.errors import MissingInput

__all__ = ["main"]


# --------------------------------------------------------------------------- verbs
@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tensorprop.__version__, "-V", "--version", prog_name="tensorprop")
def main() -> None:
    """Index notation for layers: derive backward rules, prove hand-written ones, plan contractions.

    Equations are arguments, lines of a file (-f) or of standard input (-), such as

        tensorprop derive "z_bj = a_bi W_ij + b_j" --wrt W

    On a terminal without Unicode write delta z_bj, sum_b(...), sigma(x), f'(x).
    """


@main.command()
@equations
def parse(text: str, convention: str, as_json: bool) -> None:
    """Read equations and write them as they were understood."""
    from tensorprop.text import parse as read

    s = read(text, convention=convention)
    printed(
        s,
        as_json,
        equations=texts(s),
        inputs=s.inputs,
        outputs=s.outputs,
        axes={name: s.rank(name) for name in s.names},
        functions=s.functions,
    )


@main.command()
@equations
@click.option(
    "--wrt",
    multiple=True,
    callback=several,
    metavar="NAMES",
    help="The variable: W for its backward rule, x_k for the derivative.",
)
@click.option("--of", "output", metavar="NAME", help="The output that is differentiated, where there are several.")
@click.option("--jacobian", is_flag=True, help="The derivative itself, as one equation; --wrt twice is the Hessian.")
def derive(text: str, convention: str, as_json: bool, wrt: tuple[str, ...], output: str | None, jacobian: bool) -> None:
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
        eq = differentiate(s, wrt=wrt, of=output)
        printed(eq, as_json, equations=[str(eq)])
        return
    rules = adjoint(s, wrt=wrt or None, of=output)
    printed(rules, as_json, equations=texts(rules), inputs=rules.inputs)


@main.command()
@equations
def check(text: str, convention: str, as_json: bool) -> None:
    """Hold backward rules (equations for a δ) against the derived ones and against JAX.

    Without any, the derived rules are compared with JAX. The exit code is 1 where a rule is wrong.
    """
    from tensorprop.check.verbs import check as verify
    from tensorprop.layers import as_layer

    report = verify(as_layer(text, convention=convention))
    if as_json:
        write(json.dumps(report.as_dict(), indent=2))
    else:
        write(report.show(ascii=is_ascii()))
    sys.exit(0 if report.ok else 1)


@main.command()
@equations
@click.option("--size", "sizes", multiple=True, metavar="INDEX=N", help="The size of an index, such as b=128; repeat.")
@click.option(
    "--wrt", multiple=True, callback=several, metavar="NAMES", help="Plan the backward rules of this input too; repeat."
)
def plan(text: str, convention: str, as_json: bool, sizes: tuple[str, ...], wrt: tuple[str, ...]) -> None:
    """Choose the order of contraction, and print what it costs."""
    from tensorprop.calculus.source import as_system
    from tensorprop.check.report import plain
    from tensorprop.run import plan as contract

    table: dict[str, int] = {}
    for item in sizes:
        name, _, number = item.partition("=")
        if not name or not number.isdecimal():
            raise click.UsageError(f"--size {item}: write an index and its size, such as --size b=128")
        table[name.strip()] = int(number)
    s = as_system(text, convention)
    if wrt:
        from tensorprop.calculus import adjoint
        from tensorprop.calculus.source import as_forward

        s = as_forward(text, *wrt, convention=convention)
        s = s + adjoint(s, wrt=wrt)
    try:
        p = contract(s, table)
    except MissingInput as error:
        error.fix = "say it with --size, such as --size b=128"
        raise
    if as_json:
        write(json.dumps({"ok": True, **p.as_dict()}, indent=2))
        return
    write(plain(str(p)) if is_ascii() else str(p))


for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
