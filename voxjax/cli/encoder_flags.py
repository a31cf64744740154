"""Where a command finds corpora, encoder weights and the cache: flags and defaults, resolved once."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from voxjax.storage.paths import cache_dir, weights_dir

if TYPE_CHECKING:
    from voxjax.pipeline.run_spec import Paths

ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "A pretrained encoder's weights, or their folder; else VOXJAX_WEIGHTS names the folder."
)


def run_paths(data_dir: str | None) -> "Paths":
    """The paths of a run.

    Args:
        data_dir: of the flag, None where it is not given.
    """
    from voxjax.pipeline.run_spec import Paths  # imported here, so that --help and wrong use answer at once

    named = ENCODER_WEIGHTS.value
    return Paths(
        cache=cache_dir(),
        data_dir=Path(data_dir) if data_dir else None,
        encoder_weights=Path(named) if named else None,
        weights_dir=weights_dir(),
    )
