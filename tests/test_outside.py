"""A function, a reduction, a law, a layer and an output format are added from outside, in as few lines as
CONTRIBUTING says, and every verb knows them."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import tensorprop as tp
from tensorprop.calculus.rewrite import LAWS, law
from tensorprop.check.numbers import jax_values
from tensorprop.core.expr import Call, Expr
from tensorprop.core.functions import Function, Reduction, add, complete, remove
from tensorprop.errors import UsageError
from tensorprop.render.dialects import Dialect
from tensorprop.run.jax_functions import JAX, JAX_REDUCE
from tensorprop.run.numpy_functions import NUMPY, NUMPY_REDUCE

SQUASH = Function("squash", "(1 + x²)^-1.5", means="x rsqrt(1 + x²)", parity="odd", sign="sign(x)")
RMS = Reduction("rms", "g x_u / (n y)", slope="x_u / (n y)", means="sqrt(Σ_u x_u² / n)")
X = np.array([[-2.0, -0.3, 0.4, 3.0], [1.0, 0.2, -0.7, 5.0]])


def value(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(1 + x * x)


@pytest.fixture(params=["a row", "a row and two values"])
def squash(request: pytest.FixtureRequest) -> Iterator[None]:
    add(SQUASH)
    if request.param != "a row":
        NUMPY["squash"] = value
        JAX["squash"] = lambda x: x * lax.rsqrt(1 + x * x)
    yield
    remove("squash")
    NUMPY.pop("squash", None)
    JAX.pop("squash", None)


@pytest.fixture
def rms() -> Iterator[None]:
    add(RMS)
    yield
    remove("rms")
    NUMPY_REDUCE.pop("rms", None)
    JAX_REDUCE.pop("rms", None)


# --------------------------------------------------------------------------- a function
def test_a_function_that_is_not_known_is_open_before_and_after(squash: None) -> None:
    assert str(tp.adjoint("h_j = squash(z_j)")) == "δz_j = δh_j (1 + z_j^2)^-1.5"
    remove("squash")
    assert "squash′" in str(tp.adjoint("h_j = squash(z_j)"))
    add(SQUASH)


def test_every_verb_knows_the_function(squash: None, x64: None) -> None:
    s = tp.parse("h_bj = squash(z_bj); E = Σ_bj h_bj^2")
    z = jnp.asarray(X)
    for backend in ("jax", "numpy"):
        found = tp.compile("h_bj = squash(z_bj)", backend=backend)(z=X)
        np.testing.assert_allclose(found, value(X), rtol=1e-15)
    _, grads = tp.value_and_grad(s, wrt="z")({"z": z})
    expected = jax.grad(lambda z: jnp.sum((z / jnp.sqrt(1 + z * z)) ** 2))(z)
    np.testing.assert_allclose(grads["z"], expected, rtol=1e-14)
    hessian = tp.derive("E = squash(z)^2", wrt=("z", "z"))
    found = float(tp.compile(hessian)(z=0.7))
    assert found == pytest.approx(float(jax.hessian(lambda z: z * z / (1 + z * z))(0.7)), rel=1e-12)
    assert "squash" in str(tp.explain("h_j = squash(z_j)"))
    assert tp.plan(s, sizes={"b": 2, "j": 4}).flops > 0


def test_check_proves_its_derived_rule_and_refutes_a_wrong_one(squash: None) -> None:
    report = tp.check("h_j = squash(z_j)")
    assert report.ok, str(report)
    right = tp.check("h_j = squash(z_j); δz_j = δh_j (1 - h_j²) rsqrt(1 + z_j²)")
    assert right.ok and right.proved, str(right)
    assert not tp.check("h_j = squash(z_j); δz_j = δh_j (1 - h_j²)").ok


@pytest.mark.parametrize(
    "left, right, verdict",
    [
        ("squash(x)", "x / sqrt(1 + x²)", True),
        ("squash(-x)", "-squash(x)", True),
        ("abs(squash(x))", "squash(abs(x))", True),
        ("[squash(x) > 0]", "[x > 0]", True),
        ("1 - squash(x)²", "1 / (1 + x²)", True),
        ("squash(x)", "tanh(x)", False),
    ],
)
def test_the_prover_knows_what_it_means(squash: None, left: str, right: str, verdict: bool) -> None:
    assert tp.equivalent(left, right) is verdict


def test_its_code_can_be_run(squash: None, x64: None) -> None:
    f = tp.formula("h_j = squash(z_j)")
    for code, space in ((f.numpy, {"np": np}), (f.jax, {"jnp": jnp, "jax": jax})):
        exec(code, space | {"z": X[0]}, made := {})
        np.testing.assert_allclose(made["h"], value(X[0]), rtol=1e-15)
    assert str(f) == "h = squash(z)"


def test_what_jax_code_writes_of_it_is_equal_to_it(squash: None) -> None:
    s = tp.from_jax(lambda z: z * lax.rsqrt(1 + z * z), jnp.ones(3), names="z -> h")
    assert tp.equivalent(s, "h_i = squash(z_i)")


def test_a_function_of_the_table_is_never_an_open_one() -> None:
    """A row that says neither a meaning nor code is refused, and so is a value that is nowhere told."""
    with pytest.raises(UsageError, match="nothing says what lost is"):
        add(Function("lost", "1"))
    with pytest.raises(UsageError, match="the name tanh is taken"):
        add(Function("tanh", "1", means="x"))
    add(Function("lost", "1", code="lost"))
    try:
        report = str(tp.check("h_j = lost(z_j)"))
        assert "nothing says what lost is" in report and "WRONG" not in report
        for backend in ("jax", "numpy"):
            with pytest.raises(tp.TensorpropError, match="nothing computes lost"):
                tp.compile("h_j = lost(z_j)", backend=backend)(z=X[0])
        for values in (NUMPY, JAX, jax_values.FUNCTIONS):
            with pytest.raises(UsageError, match="lost is in the table, and nothing says its value"):
                complete(values)
    finally:
        remove("lost")


# --------------------------------------------------------------------------- a reduction
def test_every_verb_knows_the_reduction(rms: None, x64: None) -> None:
    s = tp.parse("r_b = rms_j(z_bj); E = Σ_b r_b³")
    for backend in ("jax", "numpy"):
        found = tp.compile("r_b = rms_j(z_bj)", backend=backend)(z=X)
        np.testing.assert_allclose(found, np.sqrt(np.mean(X * X, 1)), rtol=1e-15)
    _, grads = tp.value_and_grad(s, wrt="z")({"z": jnp.asarray(X)})
    expected = jax.grad(lambda z: jnp.sum(jnp.mean(z * z, 1) ** 1.5))(jnp.asarray(X))
    np.testing.assert_allclose(grads["z"], expected, rtol=1e-14)
    assert str(tp.adjoint("r_b = rms_j(z_bj)")) == "δz_bj = δr_b z_bj / (dim(j) r_b)"
    assert tp.check("r_b = rms_j(z_bj)").ok
    assert tp.check("r_b = rms_j(z_bj); δz_bj = δr_b z_bj / (r_b dim(j))").proved
    assert tp.equivalent("r = rms_j(z_j)", "r = sqrt(mean_j(z_j²))") is True
    assert tp.equivalent("r = rms_j(z_j)", "r = sqrt(Σ_j z_j²)") is False
    assert "rms" in str(tp.explain("r_b = rms_j(z_bj)"))
    assert tp.plan("r_b = rms_j(z_bj)", sizes={"b": 2, "j": 4}).flops > 0


# --------------------------------------------------------------------------- a law, a layer, a format
def test_a_law() -> None:
    @law("log(exp(x_i)) == x_i", free="i", because="the logarithm undoes the exponential")
    def log_of_exp(e: Expr) -> Expr | None:
        match e:
            case Call("log", (Call("exp", (x,)),)):
                return x
            case _:
                return None

    try:
        assert str(tp.simplify("y_i = 2 log(exp(x_i))")) == "y_i = 2 x_i"
    finally:
        del LAWS["log_of_exp"]
    assert log_of_exp.because


def test_a_layer(squash: None) -> None:
    class Squash(tp.Layer):
        """Squashed affine map."""

        forward = "z_bj = a_bi W_ij; h_bj = squash(z_bj)"
        backward = """
            δz_bj = (1 + z_bj²)^-1.5 δh_bj
            δW_ij = a_bi δz_bj
            δa_bi = δz_bj W_ij
        """

    assert tp.check(Squash).proved


def test_an_output_format(squash: None) -> None:
    eqn = Dialect("eqn", signs={"⊙": "odot"}, fraction="{{{0}}} over {{{1}}}", operator="roman {}")
    assert tp.formula("E = Σ_i a_i x_i / (Σ_j y_j y_j)").written(eqn) == "E = {aᵀ x} over {‖y‖^2}"
    assert tp.formula("h_j = squash(z_j) x_j").written(eqn) == "h = roman squash(z) odot x"
