"""Output formats as tables: how each writes a sign, a letter, a word, a fraction, a script.

In: nothing. Out: one `Dialect` for Unicode, ASCII, LaTeX, Typst and MathML. A dialect knows no tree and no expression:
`printer` and `notation` ask it, so that a new format is a new row here and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tensorprop.text.characters import ACCENTS

__all__ = ["ASCII", "DIALECTS", "GREEK", "LATEX", "MATHML", "TYPST", "UNICODE", "Dialect"]

GREEK: dict[str, str] = dict(
    zip(
        "αβγδεϵζηθικλμνξπρστυφϕχψωΓΔΘΛΞΠΣΥΦΨΩ",
        "alpha beta gamma delta varepsilon epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
        "varphi phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        strict=True,
    )
)
"""Greek letters as TeX calls them."""


def _none() -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Dialect:
    """One format. What a row leaves out is written as in Unicode; ``{0}``, ``{1}`` are the parts of a template."""

    name: str
    signs: Mapping[str, str] = field(default_factory=_none)
    """Signs that are written otherwise."""
    letters: Mapping[str, str] = field(default_factory=_none)
    """Letters that are written otherwise."""
    symbol: str = "{}"  # a name of one letter
    word: str = "{}"  # a longer name
    bold: tuple[str, str] = ("{}", "{}")  # a Latin letter; a Greek letter
    accents: Mapping[str, str] = field(default_factory=_none)
    """What stands above a letter, by the word behind it in a name: xhat. What is left out is spelled (a bar may be
    an adjoint's)."""
    bold_word: str = ""  # empty: words are not bold
    operator: str = "{}"  # the name of a function
    known: frozenset[str] = frozenset()  # functions that have a word of their own
    known_as: str = "{}"
    figure: str = "{}"  # digits
    label: str = "({0})"  # a layer's, which stands above
    sub: str = "{0}_{1}"  # a subscript of letters
    long_sub: str = "{0}[{1}]"  # one of anything longer
    cut_sub: str = "{0}_{{{1}}}"  # one with dots
    commas: tuple[str, str] = ("", ", ")  # between letters below; between longer subscripts
    sup: str = "{0}^({1})"
    both: str = ""  # empty: what stands below and above follow one another
    entrywise: str = "{0}^{{∘{1}}}"  # a power of every entry
    dotted: bool = False  # an exponent stands in line, and needs parentheses
    raised: Mapping[str, str] = field(default_factory=_none)
    """Characters that can be raised by themselves; what consists of them needs no sign of a power."""
    lowered: Mapping[str, str] = field(default_factory=_none)
    """Digits, letters and signs that can be lowered by themselves."""
    fraction: str = ""  # empty: a quotient stands in line
    root: str = "√({0})"
    short_root: str = "√{0}"
    absolute: str = "|{0}|"
    size: str = "|{0}|"
    norm: str = "‖{0}‖"
    inner: str = "⟨{0}, {1}⟩"
    bar: str = "{0}\u0304"
    parens: tuple[str, str] = ("(", ")")
    tall: tuple[tuple[str, ...], str, str] = ((), "(", ")")  # parentheses around what holds one of these
    vulgar: Mapping[str, str] = field(default_factory=_none)
    tight: bool = False  # whether letters that are multiplied may touch
    space: str = " "  # between factors
    thin: str = " "  # between factors of which one is long
    quad: str = "  "  # between a formula and a remark
    prose: str = "{0}"  # words beside mathematics
    line: str = "{0}"  # a whole line
    page: tuple[str, str] = ("\n", "{0}")  # between lines; around all of them
    comma: str = ", "  # between formulas on one line

    def sign(self, sign: str) -> str:
        """A sign as this format writes it."""
        return self.signs.get(sign, sign)

    def closed(self, text: str) -> str:
        """In parentheses, as tall as the text is."""
        marks, left, right = self.tall
        if any(mark in text for mark in marks):
            return f"{left}{text}{right}"
        return f"{self.parens[0]}{text}{self.parens[1]}"


_TEX_FUNCTIONS = frozenset("exp log sin cos tan sinh cosh tanh arcsin arccos arctan max min det".split())

UNICODE = Dialect(
    "unicode",
    signs={"dot": "·", "𝟏": "1"},
    raised=dict(zip("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", strict=True)),
    lowered=dict(zip("0123456789aehijklmnoprstuvx+-−", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋₋", strict=True)),
    vulgar={"1/2": "½", "1/3": "⅓", "2/3": "⅔", "1/4": "¼", "3/4": "¾"},
    tight=True,
)

ASCII = Dialect(
    "ascii",
    signs={
        "−": "-", "−∞": "-inf", "⊙": ".*", "⊘": "./", "⊗": "(x)", "⋆": "(*)", "⊙_KR": "(kr)",
        "∘": "o", "×": "x", "·": ".", "dot": " * ",
        "δ": "delta ", "∂": "partial ", "Σ": "sum", "≠": "!=", "≤": "<=", "≥": ">=", "′": "'", "ᵀ": "^T",
        "ᴴ": "^H", "σ": "sigmoid", "π": "pi", "ⅈ": "imaginary", "𝟏": "1",
    },
    letters={c: "\\" + name for c, name in GREEK.items()},
    entrywise="{0}.^{1}",
    dotted=True,
    root="sqrt({0})",
    short_root="sqrt({0})",
    absolute="abs({0})",
    norm="norm({0})",
    inner="<{0}, {1}>",
    bar="bar({0})",
)  # fmt: skip

LATEX = Dialect(
    "latex",
    signs={
        "−": "-", "−∞": r"-\infty", "⊙": r"\odot", "⊘": r"\oslash", "⊗": r"\otimes", "⋆": r"\star",
        "⊙_KR": r"\ast", "∘": r"\circ", "×": r"\times",
        "·": r"\cdot", "dot": r" \cdot ", "δ": r"\delta ", "∂": r"\partial ", "Σ": r"\sum", "≠": r"\neq", "≤": r"\leq",
        "≥": r"\geq", "′": "'", "ᵀ": r"\top", "ᴴ": r"\mathsf{H}", "σ": r"\sigma", "π": r"\pi",
        "ⅈ": r"\mathrm{i}",
        "𝟏": r"\mathbf{1}",
    },
    letters={c: "\\" + name for c, name in GREEK.items()},
    word=r"\mathrm{{{}}}",
    accents={word: f"\\{word}{{{{{{}}}}}}" for word in ACCENTS.values() if word != "bar"},
    bold=(r"\mathbf{{{}}}", r"\boldsymbol{{{}}}"),
    operator=r"\operatorname{{{}}}",
    known=_TEX_FUNCTIONS,
    known_as="\\{}",
    sub="{0}_{{{1}}}",
    long_sub="{0}_{{{1}}}",
    commas=("", ","),
    entrywise=r"{0}^{{\circ {1}}}",
    sup="{0}^{{{1}}}",
    both="{0}_{{{1}}}^{{{2}}}",
    fraction=r"\frac{{{0}}}{{{1}}}",
    root=r"\sqrt{{{0}}}",
    short_root=r"\sqrt{{{0}}}",
    norm=r"\| {0} \|",
    inner=r"\langle {0}, {1} \rangle",
    bar=r"\bar{{{0}}}",
    tall=((r"\frac", r"\sum"), r"\left(", r"\right)"),
    thin=r" \, ",
    quad=r" \quad ",
    prose=r"\mathrm{{{0}}}",
    comma=r", \quad ",
    page=(r", \quad ", "{0}"),
)  # fmt: skip

TYPST = Dialect(
    "typst",
    signs={
        "−": "-", "−∞": "-oo", "⊙_KR": "ast.op", "∘": "compose", "×": "times", "·": "dot.op", "dot": " dot ", "δ": "δ ",
        "∂": "partial ", "Σ": "sum", "≠": "!=", "≤": "<=", "≥": ">=", "′": "'", "ᵀ": "top",
        "ᴴ": "upright(H)", "ⅈ": "upright(i)", "𝟏": "bold(1)",
    },
    word='"{}"',
    bold=("bold({})", "bold({})"),
    bold_word='bold("{}")',
    operator='op("{}")',
    known=_TEX_FUNCTIONS | {"tr"},
    sub="{0}_({1})",
    long_sub="{0}_({1})",
    cut_sub="{0}_({1})",
    commas=(" ", ", "),
    entrywise="{0}^(compose {1})",
    both="{0}_({1})^({2})",
    fraction="frac({0}, {1})",
    root="sqrt({0})",
    short_root="sqrt({0})",
    absolute="abs({0})",
    size="abs({0})",
    norm="norm({0})",
    inner="lr(angle.l {0}, {1} angle.r)",
    bar="overline({0})",
    quad=" quad ",
    prose='"{0}"',
    comma=", quad ",
    page=(", quad ", "{0}"),
)  # fmt: skip

_ABOVE = {"hat": "^", "tilde": "~", "dot": "˙", "ddot": "¨", "check": "ˇ", "breve": "˘", "acute": "´",
          "grave": "`", "mathring": "˚"}  # fmt: skip
_OPEN = '<mo stretchy="false">'
MATHML = Dialect(
    "mathml",
    signs={s: f"<mo>{s}</mo>" for s in "−⊙⊘⊗∘×·=≠≤≥+/′"}
    | {"<": "<mo>&lt;</mo>", ">": "<mo>&gt;</mo>", ",": "<mo>,</mo>", "[": "<mo>[</mo>", "]": "<mo>]</mo>"}
    | {
        "dot": "<mo>·</mo>",
        "⊙_KR": "<mo>∗</mo>",
        "⋆": "<mo>⋆</mo>",
        "*": "<mo>*</mo>",
        "δ": "<mi>δ</mi>",
        "∂": "<mo>∂</mo>",
        "Σ": "<mo>∑</mo>",
    }
    | {"ᴴ": '<mi mathvariant="normal">H</mi>', "ⅈ": '<mi mathvariant="normal">i</mi>'}
    | {"ᵀ": "<mo>⊤</mo>", "σ": "<mi>σ</mi>", "π": "<mi>π</mi>", "𝟏": '<mn mathvariant="bold">1</mn>'},
    symbol="<mi>{}</mi>",
    word='<mi mathvariant="normal">{}</mi>',
    accents={word: f"<mover><mrow>{{}}</mrow><mo>{mark}</mo></mover>" for word, mark in _ABOVE.items()},
    bold=('<mi mathvariant="bold">{}</mi>', '<mi mathvariant="bold">{}</mi>'),
    bold_word='<mi mathvariant="bold">{}</mi>',
    operator="<mi>{}</mi><mo>&#x2061;</mo>",
    figure="<mn>{}</mn>",
    label="<mtext>({0})</mtext>",
    sub="<msub><mrow>{0}</mrow><mrow>{1}</mrow></msub>",
    long_sub="<msub><mrow>{0}</mrow><mrow>{1}</mrow></msub>",
    cut_sub="<msub><mrow>{0}</mrow><mrow>{1}</mrow></msub>",
    commas=("", "<mo>,</mo>"),
    entrywise="<msup><mrow>{0}</mrow><mrow><mo>∘</mo>{1}</mrow></msup>",
    sup="<msup><mrow>{0}</mrow><mrow>{1}</mrow></msup>",
    both="<msubsup><mrow>{0}</mrow><mrow>{1}</mrow><mrow>{2}</mrow></msubsup>",
    fraction="<mfrac><mrow>{0}</mrow><mrow>{1}</mrow></mfrac>",
    root="<msqrt>{0}</msqrt>",
    short_root="<msqrt>{0}</msqrt>",
    absolute="<mo>|</mo>{0}<mo>|</mo>",
    size="<mo>|</mo>{0}<mo>|</mo>",
    norm="<mo>‖</mo>{0}<mo>‖</mo>",
    inner="<mo>⟨</mo>{0}<mo>,</mo>{1}<mo>⟩</mo>",
    bar="<mover><mrow>{0}</mrow><mo>¯</mo></mover>",
    parens=("<mo>(</mo>", "<mo>)</mo>"),
    tall=((), "<mo>(</mo>", "<mo>)</mo>"),
    space="<mo>&#x2062;</mo>",
    thin='<mo>&#x2062;</mo><mspace width="0.17em"/>',
    quad='<mspace width="1em"/>',
    prose="<mtext>{0}</mtext>",
    line="<mtr><mtd>{0}</mtd></mtr>",
    page=("", '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mtable>{0}</mtable></math>'),
    comma='<mo>,</mo><mspace width="1em"/>',
)

DIALECTS = {d.name: d for d in (UNICODE, ASCII, LATEX, TYPST, MATHML)}
