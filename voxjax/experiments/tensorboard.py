"""TensorBoard event files of a run; the only file that imports tensorboardX."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorboardX

from voxjax import config_schema
from voxjax.reporting import plots
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath

_FLUSH_EVERY_S = 15  # events of at most this time are lost when a run is killed
_UPLOAD_EVERY_S = 60  # the same for a bucket, where the whole file is written again


class TensorBoardWriter:
    """Writes one run's events. Close it, or use it as a context manager, so that the last ones are written.

    Events for a bucket are written to a temporary folder on disk, and copied from there.
    """

    def __init__(self, folder: AnyPath, first_step: int | None = None) -> None:
        """Opens a new event file.

        Args:
            folder: of the event files, made if missing.
            first_step: of a resumed run. Events that the interrupted run wrote at this step or later are hidden.
        """
        self._folder, self._uploaded_s = folder, time.monotonic()
        self._staging = None if isinstance(folder, Path) else tempfile.TemporaryDirectory(prefix="voxjax-")
        local = self._staging.name if self._staging else str(folder)
        self._writer = tensorboardX.SummaryWriter(local, purge_step=first_step, flush_secs=_FLUSH_EVERY_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve, by name such as `loss/train`."""
        for name, value in values.items():
            self._writer.add_scalar(name, float(value), step)
        if self._staging and time.monotonic() - self._uploaded_s > _UPLOAD_EVERY_S:
            self._writer.flush()
            self._upload(Path(self._staging.name))

    def confusion(self, step: int, labels: Sequence[str], counts: np.ndarray) -> None:
        """The confusion matrix as an image: integer `[K, K]`, truth in rows."""
        self._image(step, "confusion", plots.pixels(plots.confusion(labels, counts, f"Step {step}")))

    def history(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """The curves so far as an image, from rows as `plots.history` takes them."""
        self._image(step, "history", plots.pixels(plots.history(rows)))

    def audio(self, step: int, name: str, samples: np.ndarray, sample_rate_hz: int) -> None:
        """A clip to listen to: float `[time]`, clipped to [-1, 1]."""
        samples = np.clip(np.asarray(samples, np.float32), -1, 1)[:, None]
        self._writer.add_audio(name, samples, step, sample_rate_hz)

    def text(self, step: int, name: str, content: str) -> None:
        """A paragraph, read as Markdown."""
        self._writer.add_text(name, content, step)

    def hyperparameters(self, config: Mapping[str, Any], figures: Mapping[str, float]) -> None:
        """The run's values with its final figures, in TensorBoard's table of runs.

        Args:
            config: nested values. Values that are neither text nor numbers are written as text.
            figures: final ones by name, such as `test/uar`.
        """
        plain = {key: _plain(value) for key, value in config_schema.dotted(config).items()}
        finals = {name: float(value) for name, value in figures.items()}
        self._writer.add_hparams(plain, finals, name="hyperparameters")

    def close(self) -> None:
        """Writes the remaining events. Closing twice is harmless."""
        self._writer.close()
        if self._staging:
            with self._staging as local:  # removed even if copying fails
                self._upload(Path(local))
            self._staging = None

    def _upload(self, local: Path) -> None:
        """Copies the event files to the bucket."""
        for path in sorted(local.rglob("events.*")):
            atomic.write(self._folder / path.relative_to(local).as_posix(), path.read_bytes())
        self._uploaded_s = time.monotonic()

    def _image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self._writer.add_image(name, pixels, step, dataformats="HWC")


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, (bool, int, float, str)) else str(value)
