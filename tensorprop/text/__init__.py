"""Text: strings in, strings out. Importing it lets every node print itself, and the tables be read."""

from __future__ import annotations

from tensorprop.core.expr import set_printer
from tensorprop.core.functions import set_reader
from tensorprop.text.einsum import parse_einsum
from tensorprop.text.locate import locate
from tensorprop.text.parse import parse, parse_expression
from tensorprop.text.show import show

__all__ = ["locate", "parse", "parse_einsum", "parse_expression", "show"]

set_printer(show)
set_reader(parse_expression)
