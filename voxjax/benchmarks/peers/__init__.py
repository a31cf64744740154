"""The same work with other libraries. A new peer is a file here and a row in `PEERS`.

Nothing here imports a peer's library but the files themselves, in processes of their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Peer(NamedTuple):
    """Another library's way to do a workload."""

    suite: str  # a name in `benchmark`'s suites
    module: str
    packages: tuple[str, ...]  # that it imports
    options: Mapping[str, Any] = MappingProxyType({})


PEERS = {
    "keras": Peer("step", "voxjax.benchmarks.peers.keras_step", ("keras", "tensorflow")),
    "torch": Peer("step", "voxjax.benchmarks.peers.torch_step", ("torch",)),
    "torch_compile": Peer("step", "voxjax.benchmarks.peers.torch_step", ("torch",), {"compiled": True}),
    "librosa": Peer("features", "voxjax.benchmarks.peers.librosa_features", ("librosa",)),
}
