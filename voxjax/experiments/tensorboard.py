"""TensorBoard event files of a run; the only file that imports tensorboardX.

A run is three folders, `train`, `valid` and `test`, which TensorBoard lists as three runs. Curves of one name, as
`loss`, share a chart. The table of hyperparameters has one row a run, that of `test`.
"""

import importlib.util
import shlex
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorboardX
from tensorboardX.summary import hparams

from voxjax import interruption
from voxjax.reporting import plots
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath

PARTS = ("train", "valid", "test")
_FLUSH_EVERY_S = 15  # events of at most this time are lost when a run is killed
_UPLOAD_EVERY_S = 60  # the same for a bucket, where the whole file is written again


def command(workdir: AnyPath) -> str:
    """The command that shows a run, and what to install for it if TensorBoard is missing."""
    shown = f"tensorboard --logdir={shlex.quote(str(workdir / 'tensorboard'))}"
    missing = importlib.util.find_spec("tensorboard") is None
    return f"{shown} (after pip install 'voxjax[tensorboard]')" if missing else shown


class TensorBoardWriter:
    """Writes one run's events. Close it, or use it as a context manager, so that the last ones are written.

    Events for a bucket are written to a temporary folder on disk, and copied from there.
    """

    def __init__(self, folder: AnyPath, first_step: int | None = None) -> None:
        """Opens event files where they are first needed.

        Args:
            folder: of the folders in `PARTS`, made if missing.
            first_step: of a resumed run. Events that the interrupted run wrote at this step or later are hidden.
        """
        self._folder, self._uploaded_s = folder, time.monotonic()
        self._staging = None if isinstance(folder, Path) else tempfile.TemporaryDirectory(prefix="voxjax-")
        if self._staging:
            interruption.unfinished.add(self._staging.name)
        self._local = Path(self._staging.name) if self._staging else Path(str(folder))
        self._first_step = first_step
        self._writers: dict[str, tensorboardX.SummaryWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scalars(self, part: str, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve, by name such as `loss`; curves of one name in several parts share a chart."""
        for name, value in values.items():
            self._writer(part).add_scalar(name, float(value), step)
        if self._staging and time.monotonic() - self._uploaded_s > _UPLOAD_EVERY_S:
            for writer in self._writers.values():
                writer.flush()
            self._upload(self._local)

    def confusion(self, part: str, step: int, labels: Sequence[str], counts: np.ndarray) -> None:
        """The confusion matrix as an image: integer `[K, K]`, truth in rows."""
        self._image(part, step, "confusion", plots.pixels(plots.confusion(labels, counts, f"{part}, epoch {step}")))

    def history(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """The curves so far as an image, from rows as `plots.history` takes them."""
        self._image("train", step, "history", plots.pixels(plots.history(rows)))

    def audio(self, step: int, name: str, samples: np.ndarray, sample_rate_hz: int) -> None:
        """A training clip to listen to: float `[time]`, clipped to [-1, 1]."""
        samples = np.clip(np.asarray(samples, np.float32), -1, 1)[:, None]
        self._writer("train").add_audio(name, samples, step, sample_rate_hz)

    def text(self, step: int, name: str, content: str) -> None:
        """A paragraph, read as Markdown."""
        self._writer("train").add_text(name, content, step)

    def finished(self, step: int, hyperparameters: Mapping[str, Any], figures: Mapping[str, float]) -> None:
        """The test figures, and the run's row in the table of hyperparameters, whose metrics they are.

        No list of columns is written: TensorBoard then takes the columns of all runs that it shows.

        Args:
            step: the last one.
            hyperparameters: by name. Values that are neither text nor numbers are written as text.
            figures: by name, such as `uar`.
        """
        _, start, end = hparams({key: _plain(value) for key, value in hyperparameters.items()}, {})
        self._writer("test").file_writer.add_summary(start)
        self._writer("test").file_writer.add_summary(end)
        self.scalars("test", step, figures)

    def close(self) -> None:
        """Writes the remaining events. Closing twice is harmless."""
        for writer in self._writers.values():
            writer.close()
        if self._staging:
            with self._staging as local:  # removed even if copying fails
                self._upload(Path(local))
            self._staging = None

    def _writer(self, part: str) -> tensorboardX.SummaryWriter:
        if part not in self._writers:
            folder, first = str(self._local / part), self._first_step
            self._writers[part] = tensorboardX.SummaryWriter(folder, purge_step=first, flush_secs=_FLUSH_EVERY_S)
        return self._writers[part]

    def _upload(self, local: Path) -> None:
        """Copies the event files to the bucket."""
        for path in sorted(local.rglob("events.*")):
            atomic.write(self._folder / path.relative_to(local).as_posix(), path.read_bytes())
        self._uploaded_s = time.monotonic()

    def _image(self, part: str, step: int, name: str, pixels: np.ndarray) -> None:
        self._writer(part).add_image(name, pixels, step, dataformats="HWC")


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, (bool, int, float, str)) else str(value)
