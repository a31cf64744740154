"""Settings of XLA for programs that run once, where compiling takes longer than running."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from voxjax.storage import paths

# On a CPU they compile the initial weights of the guide's network in a quarter of the time.
_QUICK: dict[str, bool | int] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_llvm_disable_expensive_passes": True,
}


def quick(platform: str) -> dict[str, bool | int]:
    """Options for `jax.jit`; empty but on a CPU. What the environment variable `XLA_FLAGS` names is left as it is."""
    named = paths.xla_flags()
    return {name: value for name, value in _QUICK.items() if platform == "cpu" and name not in named}


@functools.cache
def compiled_once(function: Callable[..., Any], static: str, platform: str) -> Callable[..., Any]:
    """The function under `jax.jit` with quick settings: one for all calls, so that a program is compiled once."""
    return jax.jit(function, static_argnames=static, compiler_options=quick(platform))
