"""On any mesh the values and gradients are those of one device; a gradient is sharded as its variable.

JAX reads how many devices it has when it starts, so what needs eight of them runs in an interpreter of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = r"""
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
import tensorprop as tp

TEXT = "z_bj = x_bi W_ij + c_j; h_bj = tanh(z_bj); y_bk = h_bj V_jk; E = y_bk y_bk t_b + x_bi W_ij h_bj"
rng = np.random.default_rng(3)
shapes = {"x": (8, 4), "W": (4, 8), "c": (8,), "V": (8, 4), "t": (8,)}
arrays = {n: rng.normal(size=s).astype("float32") for n, s in shapes.items()}
g = tp.value_and_grad(TEXT, "W c V x")
f = tp.jax_function(TEXT)
PARAMS = ("W", "c", "V", "x")

def called(arrays):
    return g({n: arrays[n] for n in PARAMS}, t=arrays["t"])

E0, want = called(arrays)

def close(grads):
    for n in PARAMS:
        scale = np.abs(want[n]).max()
        assert np.allclose(np.asarray(grads[n]), np.asarray(want[n]), rtol=1e-5, atol=1e-5 * scale), n

MESHES = [((8,), ("d",)), ((4, 2), ("d", "m"))]
SPECS = {
    "data": {"x": P("d"), "t": P("d")},
    "data and model": {"x": P("d"), "t": P("d"), "W": P(None, "m"), "c": P("m"), "V": P("m")},
}
for shape, names in MESHES:
    for kind in (AxisType.Auto, AxisType.Explicit):
        mesh = jax.make_mesh(shape, names, axis_types=(kind,) * len(names))
        for title, specs in SPECS.items():
            if "m" not in names and "model" in title:
                continue
            with jax.set_mesh(mesh):
                put = {n: jax.device_put(a, NamedSharding(mesh, specs.get(n, P()))) for n, a in arrays.items()}
                E, grads = called(put)
                assert np.allclose(E, E0, rtol=1e-5), (shape, kind, title)
                close(grads)
                if kind == AxisType.Explicit:
                    for n in PARAMS:
                        got, is_ = (tuple(x.sharding.spec) for x in map(jax.typeof, (grads[n], put[n])))
                        pad = lambda t: t + (None,) * (len(shapes[n]) - len(t))
                        assert pad(got) == pad(is_), (shape, title, n, got, is_)
                again = jax.grad(lambda W: f(**{**put, "W": W}))(put["W"])
                assert np.allclose(again, want["W"], rtol=1e-4, atol=1e-4), (shape, kind, title)
mesh = jax.make_mesh((8,), ("d",), axis_types=(AxisType.Auto,))
def part(x, t, W, c, V):
    E, grads = g({"W": W, "c": c, "V": V, "x": x}, t=t)
    return jax.lax.psum(E, "d"), {n: jax.lax.psum(grads[n], "d") for n in ("W", "c", "V")}
mapped = jax.shard_map(part, mesh=mesh, in_specs=(P("d"), P("d"), P(), P(), P()), out_specs=P(), check_vma=False)
E, grads = mapped(*(arrays[n] for n in ("x", "t", "W", "c", "V")))
assert np.allclose(E, E0, rtol=1e-5)
close({**grads, "x": want["x"]})
def checked(x, t, W, c, V):  # as jax.value_and_grad does, what all devices share is owed the sum over them
    E, grads = g({"W": W, "c": c, "V": V, "x": x}, t=t)
    return jax.lax.psum(E, "d"), grads
specs = dict.fromkeys(PARAMS, P()) | {"x": P("d")}
mapped = jax.shard_map(checked, mesh=mesh, in_specs=(P("d"), P("d"), P(), P(), P()), out_specs=(P(), specs))
close(mapped(*(arrays[n] for n in ("x", "t", "W", "c", "V")))[1])
print("as on one device")
"""


def test_meshes_give_what_one_device_gives() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    env = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    env["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "as on one device", done.stderr[-3000:]
