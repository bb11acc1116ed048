"""The command ``manual``: docs/cli.md, written from the commands themselves.

In: the commands. Out: a page with what each is for, its arguments and options, and examples, which are run for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

import click

from tensorprop.cli.terminal import write

__all__ = ["manual"]

# What is shown of every command: the page says what these print.
_EXAMPLES: dict[str, tuple[str, ...]] = {
    "parse": ('parse --einsum "s = A_ij"',),
    "derive": (
        'derive "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2" --wrt W,b',
        'derive "y = x_i A_ij x_j" --wrt x_k --wrt x_l',
        'derive --each "y_i = A_ij x_j" "y_i == x_i" "z_j = a_i W_ij" --wrt x',
    ),
    "check": ('check "z_bj = a_bi W_ij + b_j" "δb_j = mean_b(δz_bj)"', "check tensorprop.layers.linear"),
    "formula": ('formula "δW_ij = a_bi δz_bj"', 'formula "ij,jk->ik" "bi,ij->bj" "ii->"'),
    "explain": ('explain --short "z_j = a_i W_ij + b_j" --wrt W',),
    "plan": ('plan "y_i = A_ij B_jk x_k" --size i=1000,j=1000,k=1000',),
    "layers": ("layers Dense",),
    "from-jax": ("from-jax jax.nn:softmax --shapes 5,3",),
}

_ABOUT = """# The command line

This page is printed by `tensorprop manual`. `python -m tensorprop` is the same command as `tensorprop`.

Equations are arguments, lines of files (named as arguments or with `-f FILE`, as often as you like) or of
standard input (`-`, or simply piped); all of them together are one System. With `--each` every line is by
itself, and there is a line out for every line in, empty where something is wrong, which is told on standard
error with the line's place. Einsum specs, where there are several, always are. Several names are written in any
way: `--wrt W,b`, `--wrt "W b"`, `--wrt W --wrt b`.

Exit codes: 0 where all is well, 1 where the input is wrong or a check failed, 2 where the command was called
wrongly. What is wrong with the input is told on standard error, with a caret; with `--json` it is an object on
standard output:

```json
{"ok": false, "error": {"kind": "UnexpectedChar", "problem": "…", "text": "z_j == a_j", "span": [4, 6],
                        "known": null, "fix": "write one \\"=\\""}}
```

On a terminal there are colours (`NO_COLOR=1` forbids them, `FORCE_COLOR=1` asks for them), pages are as wide as
it is, and what takes over two seconds says so. On a terminal without Unicode everything is written in the
notation's ASCII spelling (`delta z_bj`, `sum_b(…)`, `f'(x)`), which can be typed as well. `tensorprop --help`
says how a shell completes commands, options and the names of layers."""


@click.command()
@click.pass_context
def manual(context: click.Context) -> None:
    """Print the page of the documentation that says all this."""
    group = context.find_root().command
    assert isinstance(group, click.Group)
    write("\n".join(_page(group)))


def _page(group: click.Group) -> Iterator[str]:
    shared = [p for p in group.commands["parse"].params if isinstance(p, click.Option)]
    width = max(map(len, group.commands))
    yield f"{_ABOUT}\n```"
    for name, command in group.commands.items():
        yield f"tensorprop {name.ljust(width)}  {command.get_short_help_str(100)}"
    yield "```\n\nCommands that take equations have these options:\n"
    yield from _rows(shared)
    for name, command in group.commands.items():
        yield f"\n## {name}\n\n{_help(command)}\n"
        yield from _parameters(command, {p.name for p in shared if any(q.name == "equations" for q in command.params)})
        for line in _EXAMPLES.get(name, ()):
            yield f"\n```console\n$ tensorprop {line}\n{_printed(group, line)}\n```"


def _help(command: click.Command) -> str:
    return "\n".join(line.strip() for line in (command.help or "").strip().split("\n"))


def _parameters(command: click.Command, but: set[str | None]) -> Iterator[str]:
    """The command's usage, and a row for each of its options that is not told elsewhere."""
    context = click.Context(command, info_name=command.name)
    words = ["tensorprop", command.name or ""]
    words += [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    yield f"`{' '.join([*words, *(['[OPTIONS]'] if options else [])])}`"
    own = [p for p in options if p.name not in but]
    if own:
        yield ""
        yield from _rows(own)


def _rows(options: Iterable[click.Option]) -> Iterator[str]:
    """A table of options."""
    yield "| option | |\n|---|---|"
    for p in options:
        names, told = p.get_help_record(click.Context(click.Command("tensorprop"))) or ("", "")
        names, told = (part.replace("|", "\\|") for part in (names, told))
        yield f"| `{names}` | {told} |"


def _printed(group: click.Group, line: str) -> str:
    """What a command prints, errors in their place."""
    from click.testing import CliRunner

    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
    return runner.invoke(group, shlex.split(line), prog_name="tensorprop").output.rstrip("\n")
