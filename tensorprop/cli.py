"""The command line: ``tensorprop parse | derive | check | plan``.

In: equations as arguments, from files or from standard input. Out: text, or JSON; exit code 0 where all is well, 1
where the input is wrong or a check failed, 2 where the command was called wrongly. What a verb needs is imported when
it runs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, NoReturn

import click

import tensorprop
from tensorprop.cli_explain import register
from tensorprop.errors import MissingInput, TensorpropError

__all__ = ["main"]

Command = Callable[..., Any]


# --------------------------------------------------------------------------- what goes in and out
def _ascii(stream: Any = None) -> bool:
    """Whether standard output (or another stream) cannot show the notation."""
    try:
        "δΣ∂′≤·".encode(getattr(stream or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def _write(text: str, err: bool = False) -> None:
    """Print what the terminal can show; what it cannot is escaped, never a crash."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "ascii"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err)


def _argument(text: str) -> str:
    """An argument as it was typed, also where Python took the terminal for one without Unicode."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise click.UsageError("an argument is not UTF-8 text") from None


def _text(equations: Sequence[str], files: Sequence[str]) -> str:
    """The equations, in the order arguments, files, standard input. An argument that names a file is read."""
    named = [e for e in equations if "=" not in e and "->" not in e and e != "-" and os.path.isfile(e)]
    parts = [_argument(e) for e in equations if e != "-" and e not in named]
    for name in (*named, *files):
        if name == "-":
            continue
        try:
            with open(name, encoding="utf-8-sig") as f:
                parts.append(f.read())
        except (OSError, UnicodeDecodeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
            raise click.UsageError(f"cannot read {name}: {why}") from None
    if "-" in equations or "-" in files or (not parts and not sys.stdin.isatty()):
        try:
            piped = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise click.UsageError("cannot read standard input: it is not UTF-8 text") from None
        if piped.strip():
            parts.append(piped)
    if not parts:
        raise click.UsageError(
            'no equations: give some as arguments ("z_j = a_i W_ij"), with -f FILE, or on standard input'
        )
    return "\n".join(parts)


def _fail(error: TensorpropError, as_json: bool) -> NoReturn:
    """Tell what is wrong with the input, and leave with 1."""
    if as_json:
        told = {"kind": error.kind, "problem": error.problem, "text": error.text}
        told |= {"span": error.span and list(error.span), "known": error.known, "fix": error.fix}
        _write(json.dumps({"ok": False, "error": told}, indent=2))
    else:
        _write(str(_in_ascii(error) if _ascii(sys.stderr) else error), err=True)
    sys.exit(1)


def _in_ascii(error: TensorpropError) -> TensorpropError:
    """The same error in ASCII, its caret still under the same place."""
    from tensorprop.check.report import plain

    error.problem = plain(error.problem)
    error.known, error.fix = error.known and plain(error.known), error.fix and plain(error.fix)
    if error.text is not None:
        if error.span is not None:
            start, end = (len(plain(error.text[:place])) for place in error.span)
            error.span = start, end
        error.text = "\n".join(map(plain, error.text.split("\n")))
    return error


def _equations(command: Command) -> Command:
    """Arguments that all verbs share, and errors told rather than raised."""

    @click.argument("equations", nargs=-1)
    @click.option(
        "-f", "--file", "files", multiple=True, metavar="FILE", help="Read equations from FILE; may be repeated."
    )
    @click.option("--einsum", is_flag=True, help="Sum every index that is not on the left, as einsum does.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(command)
    def run(equations: Sequence[str], files: Sequence[str], einsum: bool, as_json: bool, **options: Any) -> None:
        convention = "einsum" if einsum else "strict"
        text = _text(equations, files)
        try:
            command(text, convention, as_json, **options)
        except TensorpropError as error:
            _fail(error, as_json)
        except RecursionError:
            _fail(TensorpropError("the equations are nested too deeply to be worked on"), as_json)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # nobody at a terminal is helped by our traceback
            mistake = f"this is a mistake in tensorprop, not in the input: {type(error).__name__}: {error}"
            _fail(TensorpropError(mistake, fix="please report it with the equations"), as_json)

    return run


def _print(result: Any, as_json: bool, **data: Any) -> None:
    """Equations, as text or as JSON."""
    if as_json:
        _write(json.dumps({"ok": True, **data}, indent=2))
        return
    from tensorprop.text import show

    _write(show(result, ascii=_ascii()))


def _lines(equations: Iterable[Any]) -> list[str]:
    return [str(eq) for eq in equations]


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
@_equations
def parse(text: str, convention: str, as_json: bool) -> None:
    """Read equations and write them as they were understood."""
    from tensorprop.text import parse as read

    s = read(text, convention=convention)
    _print(
        s,
        as_json,
        equations=_lines(s),
        inputs=s.inputs,
        outputs=s.outputs,
        axes={name: s.rank(name) for name in s.names},
        functions=s.functions,
    )


@main.command()
@_equations
@click.option(
    "--wrt", multiple=True, metavar="NAME", help="The variable: W for its backward rule, x_k for the derivative."
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
        _print(eq, as_json, equations=[str(eq)])
        return
    rules = adjoint(s, wrt=wrt or None, of=output)
    _print(rules, as_json, equations=_lines(rules), inputs=rules.inputs)


@main.command()
@_equations
def check(text: str, convention: str, as_json: bool) -> None:
    """Hold backward rules (equations for a δ) against the derived ones and against JAX.

    Without any, the derived rules are compared with JAX. The exit code is 1 where a rule is wrong.
    """
    from tensorprop.check.verbs import check as verify
    from tensorprop.layers import as_layer

    report = verify(as_layer(text, convention=convention))
    if as_json:
        _write(json.dumps(report.as_dict(), indent=2))
    else:
        _write(report.show(ascii=_ascii()))
    sys.exit(0 if report.ok else 1)


@main.command()
@_equations
@click.option("--size", "sizes", multiple=True, metavar="INDEX=N", help="The size of an index, such as b=128; repeat.")
@click.option("--wrt", multiple=True, metavar="NAME", help="Plan the backward rules of this input too; repeat.")
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
        _write(json.dumps({"ok": True, **p.as_dict()}, indent=2))
        return
    _write(plain(str(p)) if _ascii() else str(p))


register(main, _equations, _write, _ascii, _fail)

if __name__ == "__main__":
    main()
