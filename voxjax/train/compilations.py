"""How often a jitted function is compiled, counted through `jax.monitoring`."""

import contextlib
from collections.abc import Iterator

import jax.monitoring

_COMPILED = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def count_compilations(function_name: str) -> Iterator[list[float]]:
    """A list that gets the seconds of each compilation of a function while the context is open.

    Args:
        function_name: of the jitted function, such as "train_step".
    """
    seconds: list[float] = []

    def listener(event: str, duration_secs: float, **details: str | int) -> None:
        if event == _COMPILED and "fun_name" in details and details["fun_name"] == f"jit({function_name})":
            seconds.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        yield seconds
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
