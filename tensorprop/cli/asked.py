"""What is typed on a command line: equations from arguments, files and standard input, a verb's answer for them.

In: what was typed, and a verb. Out: its `Answer` printed, as text or as JSON, for all lines together or line by line;
errors told, never raised. No verb is known here.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, NoReturn

import click

from tensorprop.cli.terminal import in_ascii, is_ascii, progress, told, write
from tensorprop.errors import TensorpropError

__all__ = ["Answer", "argument", "equations", "equations_or", "fail", "read", "report", "slips", "texts", "variables"]

Command = Callable[..., Any]


@dataclass(frozen=True)
class Answer:
    """What a verb says to a text: a page, the same as data, and in one line; ``ok``, whether nothing is wrong.

    ``raw`` pages are code of some kind, which stays as it is on every terminal.
    """

    text: str
    data: Callable[[], dict[str, Any]]
    line: str | None = None
    ok: bool = True
    raw: bool = False

    @property
    def short(self) -> str:
        """One line, whatever was asked."""
        return "; ".join(filter(None, self.text.split("\n"))) if self.line is None else self.line


# --------------------------------------------------------------------------- in
def argument(text: str) -> str:
    """An argument as it was typed, also where Python took the terminal for one without Unicode."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise click.UsageError("an argument is not UTF-8 text") from None


def _contents(name: str) -> str:
    try:
        with open(name, encoding="utf-8-sig") as f:
            return f.read()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise click.UsageError(f"cannot read {name}: {why}") from None


def read(equations: Sequence[str], files: Sequence[str]) -> list[tuple[str, str]]:
    """The texts with their sources, in the order arguments, files, standard input; a file's name is an argument too."""
    named = [e for e in equations if "=" not in e and "->" not in e and e != "-" and os.path.isfile(e)]
    parts = [("", argument(e)) for e in equations if e != "-" and e not in named]
    parts += [(name, _contents(name)) for name in (*named, *files) if name != "-"]
    if "-" in equations or "-" in files or (not parts and not sys.stdin.isatty()):
        try:
            piped = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise click.UsageError("cannot read standard input: it is not UTF-8 text") from None
        if piped.strip():
            parts.append(("standard input", piped))
    if not parts:
        raise click.UsageError(
            'no equations: give some as arguments ("z_j = a_i W_ij"), with -f FILE, or on standard input'
        )
    return parts


def _are_specs(texts: Iterable[str]) -> bool:
    """Whether these are einsum specs, a line each: most lines have an arrow, which stands in no equation."""
    lines = [line.partition("#")[0] for text in texts for line in text.split("\n")]
    lines = [line for line in lines if line.strip()]
    return len(lines) > 1 and 2 * sum(re.search("->|→", line) is not None for line in lines) > len(lines)


def _lines(parts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Every line with its place: the number of the argument, or file and line."""
    count = 0
    for source, text in parts:
        for n, line in enumerate(text.rstrip("\n").split("\n"), 1):
            count += 1
            yield (f"{source}, line {n}" if source else f"line {count}"), line


def _several(_: click.Context, __: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """Names in any spelling: ``--wrt W --wrt b``, ``--wrt W,b`` or ``--wrt "W b"``."""
    if not given:
        return ()
    from tensorprop.calculus.source import names_in

    return names_in(" ".join(map(argument, given)))


def variables(told: str) -> Callable[[Command], Command]:
    """The option of the variables, in the words of the command that takes them."""
    return click.option("--wrt", multiple=True, callback=_several, metavar="NAMES", help=told)


# --------------------------------------------------------------------------- out
def _as_data(error: TensorpropError) -> dict[str, Any]:
    found = {"kind": error.kind, "problem": error.problem, "text": error.text}
    return found | {"span": error.span and list(error.span), "known": error.known, "fix": error.fix}


def report(error: TensorpropError) -> None:
    """Tell on standard error what is wrong with the input."""
    write(str(in_ascii(error) if is_ascii(sys.stderr) else error), err=True, paint=True)


def fail(error: TensorpropError, as_json: bool) -> NoReturn:
    """Tell what is wrong with the input, and leave with 1."""
    if as_json:
        write(json.dumps({"ok": False, "error": _as_data(error)}, indent=2))
    else:
        report(error)
    sys.exit(1)


def slips(work: Callable[[], Any]) -> Any:
    """What ``work`` gives, or the TensorpropError that says why it gives nothing."""
    try:
        return work()
    except TensorpropError as error:
        return error
    except RecursionError:
        return TensorpropError("the equations are nested too deeply to be worked on")
    except (BrokenPipeError, click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:  # nobody at a terminal is helped by our traceback
        mistake = f"this is a mistake in tensorprop, not in the input: {type(error).__name__}: {error}"
        return TensorpropError(mistake, fix="please report it with the equations")


def _one(work: Callable[[], Any], as_json: bool) -> bool:
    """The answer to all lines together, printed; whether all is well."""
    found = slips(work)
    if isinstance(found, TensorpropError):
        fail(found, as_json)
    if as_json:
        write(json.dumps({"ok": found.ok, **found.data()}, indent=2, default=str))
    else:
        (write if found.raw else told)(found.text)
    return found.ok


def _each(command: Callable[[str], Any], parts: Iterable[tuple[str, str]], as_json: bool) -> bool:
    """A line out for every line in: its answer, or nothing, with what is wrong told by the line's place."""
    fine = True
    for place, line in _lines(parts):
        if not line.strip() or line.lstrip().startswith("#"):
            write("{}" if as_json else "")
            continue
        found = slips(lambda line=line: command(line))
        if not isinstance(found, TensorpropError):
            fine &= found.ok
            data = {"ok": found.ok, **found.data()}
            write(json.dumps(data, default=str)) if as_json else told(found.short)
            continue
        fine = False
        if as_json:
            write(json.dumps({"ok": False, "place": place, "error": _as_data(found)}))
            continue
        write("")
        found.problem = f"{place}: {found.problem}"
        report(found)
    return fine


def equations(command: Command) -> Command:
    """Arguments that all verbs share, and errors told rather than raised; the verb gives an `Answer` to a text."""
    return equations_or(lambda words, as_json: None)(command)


def equations_or(other: Callable[[Sequence[str], bool], bool | None]) -> Callable[[Command], Command]:
    """The same for a verb whose arguments may be something else.

    ``other`` is given them first, and says whether all is well, or None where they are equations.
    """

    def decorate(command: Command) -> Command:
        @click.argument("equations", nargs=-1)
        @click.option(
            "-f", "--file", "files", multiple=True, metavar="FILE", help="Read equations from FILE; may be repeated."
        )
        @click.option("--each", is_flag=True, help="Every line by itself, a line out for a line in; specs always are.")
        @click.option("--einsum", is_flag=True, help="Sum every index that is not on the left, as einsum does.")
        @click.option("--json", "as_json", is_flag=True, help="Print JSON, with --each an object a line.")
        @wraps(command)
        def run(
            equations: Sequence[str], files: Sequence[str], each: bool, einsum: bool, as_json: bool, **options: Any
        ) -> None:
            try:
                fine = None if files or each or einsum or not equations else other(equations, as_json)
                if fine is None:
                    work = partial(command, convention="einsum" if einsum else "strict", **options)
                    fine = _answered(work, read(equations, files), each, as_json)
            except BrokenPipeError:
                sys.stderr.close()
                fine = False
            sys.exit(0 if fine else 1)

        return run

    return decorate


def _answered(work: Callable[[str], Any], parts: Sequence[tuple[str, str]], each: bool, as_json: bool) -> bool:
    texts = [text for _, text in parts]
    with progress("at work …"):
        if each or _are_specs(texts):
            return _each(work, parts, as_json)
        return _one(lambda: work("\n".join(texts)), as_json)


def texts(equations: Iterable[Any]) -> list[str]:
    return [str(eq) for eq in equations]
