"""What goes in and out of the command line: equations from arguments, files and standard input; text, errors, JSON.

In: what was typed. Out: equations for a verb, and what it gives, as the terminal can show it. No verb is known here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, NoReturn

import click

from tensorprop.errors import TensorpropError

__all__ = ["equations", "fail", "is_ascii", "printed", "read", "several", "texts", "told", "write"]

Command = Callable[..., Any]


def is_ascii(stream: Any = None) -> bool:
    """Whether standard output (or another stream) cannot show the notation."""
    try:
        "δΣ∂′≤·".encode(getattr(stream or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def write(text: str, err: bool = False) -> None:
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


def read(equations: Sequence[str], files: Sequence[str]) -> str:
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


def fail(error: TensorpropError, as_json: bool) -> NoReturn:
    """Tell what is wrong with the input, and leave with 1."""
    if as_json:
        told = {"kind": error.kind, "problem": error.problem, "text": error.text}
        told |= {"span": error.span and list(error.span), "known": error.known, "fix": error.fix}
        write(json.dumps({"ok": False, "error": told}, indent=2))
    else:
        write(str(_in_ascii(error) if is_ascii(sys.stderr) else error), err=True)
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


def equations(command: Command) -> Command:
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
        text = read(equations, files)
        try:
            command(text, convention, as_json, **options)
        except TensorpropError as error:
            fail(error, as_json)
        except RecursionError:
            fail(TensorpropError("the equations are nested too deeply to be worked on"), as_json)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # nobody at a terminal is helped by our traceback
            mistake = f"this is a mistake in tensorprop, not in the input: {type(error).__name__}: {error}"
            fail(TensorpropError(mistake, fix="please report it with the equations"), as_json)

    return run


def printed(result: Any, as_json: bool, **data: Any) -> None:
    """Equations, as text or as JSON."""
    if as_json:
        write(json.dumps({"ok": True, **data}, indent=2))
        return
    from tensorprop.text import show

    write(show(result, ascii=is_ascii()))


def texts(equations: Iterable[Any]) -> list[str]:
    return [str(eq) for eq in equations]


def told(text: str) -> None:
    """Print a page, in ASCII where the terminal has no more."""
    from tensorprop.check.report import plain

    write("\n".join(map(plain, text.split("\n"))) if is_ascii() else text)


def several(_: click.Context, __: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """Names in any spelling: ``--wrt W --wrt b``, ``--wrt W,b`` or ``--wrt "W b"``."""
    if not given:
        return ()
    from tensorprop.calculus.source import names_in

    return names_in(" ".join(map(_argument, given)))
