"""Prices of a formula stand in one table, `render/weight.py`: no other file has one, and every one of them is asked."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorprop.render import weight

ROOT = Path(weight.__file__).parent


def _own_prices(source: str) -> Iterator[str]:
    """Numbers that are added to a cost, or stand where the price of a form does."""
    for n in ast.walk(ast.parse(source)):
        match n:
            case ast.Call(ast.Name("Laid"), [_, price, *_]) | ast.keyword("cost", price):
                pass
            case ast.Call(ast.Attribute(attr="_scalar"), [_, price, *_]):
                pass
            case ast.AugAssign(ast.Name("cost"), _, price) | ast.Assign([ast.Name("cost")], price):
                pass
            case _:
                continue
        for part in _summands(price):
            if isinstance(part, ast.Constant) and part.value:
                yield f"{n.__class__.__name__}: {ast.unparse(price)}"


def _summands(e: ast.expr) -> Iterator[ast.expr]:
    if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Add, ast.Sub)):
        yield from _summands(e.left)
        yield from _summands(e.right)
    else:
        yield e


@pytest.mark.parametrize("file", sorted((ROOT / "matrices").glob("*.py")), ids=lambda p: p.stem)
def test_no_file_but_the_table_has_a_price(file):
    assert not [*_own_prices(file.read_text(encoding="utf-8"))]


def test_a_price_elsewhere_would_be_found():
    assert [*_own_prices("x = Laid(tree, f.cost + 2, place)")]
    assert [*_own_prices("cost += 1")]
    assert not [*_own_prices("x = Laid(tree, f.cost + price.SIGN, place)")]


def test_every_price_of_the_table_is_asked():
    named = {n for n in vars(weight) if n.isupper()}
    used: set[str] = set()
    for file in ROOT.rglob("*.py"):
        for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            used |= {n.attr} if isinstance(n, ast.Attribute) else set()
            used |= {n.id} if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) else set()
    assert named <= used, named - used
