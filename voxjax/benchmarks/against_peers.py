"""A training step and the features of clips, timed in turn with the same work by other libraries."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voxjax.benchmarks import feature_clips, workers, workloads
from voxjax.benchmarks import reference_network as reference
from voxjax.benchmarks.peers import PEERS
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.benchmarks.workers import Participant
from voxjax.errors import UsageError, mismatch
from voxjax.pipeline.run_spec import RunSpec


def training_step(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """The step of the reference network, on its own clips: the config is not used.

    Yields:
        A figure for each participant, VoxJAX first: milliseconds of a step, and the time to its first result.
    """
    del spec
    participants = [Participant("voxjax", workloads.STEP), *_peers("step", plan.peers, {})]
    common = {"batch": reference.BATCH, "input": [reference.POSITIONS, 1]}
    yield from workers.figures("step", "step_ms", workers.timed(participants, plan.rounds), common)


def features(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """Features of 256 clips of 3 s, of both kinds: the config is not used.

    Yields:
        A figure for each kind and participant.
    """
    del spec
    for kind in feature_clips.WINDOWS:
        options = {"kind": kind}
        participants = [Participant("voxjax", workloads.FEATURES, options), *_peers("features", plan.peers, options)]
        common = {"clips": feature_clips.COUNT, "seconds_each": feature_clips.SECONDS}
        yield from workers.figures("features", f"{kind}_ms", workers.timed(participants, plan.rounds), common)


def _peers(suite: str, names: Sequence[str], options: Mapping[str, Any]) -> list[Participant]:
    """The peers of a suite among those that are named.

    Raises:
        UsageError: at a name that is no peer or not of this suite, and if a package of one is missing.
    """
    possible = [name for name, peer in PEERS.items() if peer.suite == suite]
    for name in names:
        if name not in possible:
            raise UsageError(mismatch("--peers", f"of --suite={suite}: {', '.join(possible)}", name, "leave it out"))
        workers.check_installed(name, PEERS[name].packages)
    return [Participant(name, PEERS[name].module, {**options, **PEERS[name].options}) for name in names]
