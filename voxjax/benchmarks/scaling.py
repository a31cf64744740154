"""The step of the reference network over members and over devices: time, compile time, memory, and their slopes."""

import math
import re
from collections.abc import Iterator
from typing import Any

from voxjax.benchmarks import workers, workloads
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.benchmarks.workers import Participant
from voxjax.pipeline.run_spec import RunSpec
from voxjax.storage import paths

_DEVICES = "--xla_force_host_platform_device_count"


def scale(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """Steps of 1, 2, 4 … members on one device, and of as many members as devices: the config is not used.

    On a CPU the devices are forced ones, which share its processors: that shows that a program is right and copies
    nothing between members, not that it is faster.

    Yields:
        A figure each; `slope` is the power of the number with which a step's time has grown since the row before.
    """
    del spec
    counts = [2**i for i in range(plan.largest.bit_length()) if 2**i <= plan.largest]
    for name, over_devices in (("members", False), ("devices", True)):
        before: tuple[int, float] | None = None
        for count in counts:
            options = {"members": count, "mode": "vmap" if over_devices else "unroll"}
            if over_devices:
                options["member_axis"] = count
            participant = Participant("voxjax", workloads.STEP, options, _forced_devices(count) if over_devices else {})
            [row] = workers.figures("scale", name, workers.timed([participant], plan.rounds), {"count": count})
            slope = None if before is None else _slope(before, (count, row["median_ms"]))
            before = (count, row["median_ms"])
            yield {**row, "mode": options["mode"], "slope": slope}


def _slope(before: tuple[int, float], now: tuple[int, float]) -> float:
    return math.log(now[1] / before[1]) / math.log(now[0] / before[0])


def _forced_devices(count: int) -> dict[str, str]:
    """The environment of a process with that many devices on a CPU."""
    kept = re.sub(rf"{_DEVICES}=\d+", "", paths.xla_flags())
    return {"XLA_FLAGS": f"{kept} {_DEVICES}={count}".strip(), "JAX_PLATFORMS": "cpu"}
