"""The command line: ``tensorprop parse | derive | check | …``, a file for those commands that go together.

In: equations as arguments, from files or from standard input. Out: text, or JSON; exit code 0 where all is well, 1
where the input is wrong or a check failed, 2 where the command was called wrongly. What a verb needs is imported when
it runs.
"""

from __future__ import annotations

import click

import tensorprop
from tensorprop.cli.calculate import derive, parse, plan
from tensorprop.cli.filled import docs
from tensorprop.cli.judging import check
from tensorprop.cli.library import layers
from tensorprop.cli.manual import manual
from tensorprop.cli.people import explain, formula
from tensorprop.cli.traced import from_jax

__all__ = ["main"]

_COMPLETION = """Completion of commands, options and layers in a shell, a line for its start file:

\b
  eval "$(_TENSORPROP_COMPLETE=bash_source tensorprop)"         bash
  eval "$(_TENSORPROP_COMPLETE=zsh_source tensorprop)"          zsh
  _TENSORPROP_COMPLETE=fish_source tensorprop | source          fish

Colours are for terminals; NO_COLOR=1 forbids them, FORCE_COLOR=1 asks for them."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_COMPLETION)
@click.version_option(tensorprop.__version__, "-V", "--version", prog_name="tensorprop")
def main() -> None:
    """Index notation for layers: derive backward rules, prove hand-written ones, plan contractions.

    Equations are arguments, lines of a file (-f) or of standard input (-), such as

        tensorprop derive "z_bj = a_bi W_ij + b_j" --wrt W

    On a terminal without Unicode write delta z_bj, sum_b(...), sigma(x), f'(x).
    """


for command in (parse, derive, check, formula, explain, plan, layers, from_jax, docs, manual):
    main.add_command(command)

if __name__ == "__main__":
    main()
