"""What all tests share: float64 in JAX where a test asks for it, Hypothesis without a clock.

Machine code is made quickly rather than well, since a program of a test runs once; which operations there are is the
same.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
)

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", " ".join(QUICK))

settings.register_profile(
    "tensorprop",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
settings.load_profile("tensorprop")


def pytest_collection_finish() -> None:
    """What the imports and the tables made stays to the end of the run: the collector of garbage need not walk it."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture
def x64() -> Iterator[None]:
    """JAX with 64-bit numbers for the length of one test."""
    import jax

    before = bool(jax.config.read("jax_enable_x64"))
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
