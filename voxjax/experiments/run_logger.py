"""The log of a run while it trains: progress bar, metrics.jsonl and TensorBoard."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from voxjax.config_schema import thaw
from voxjax.data import batches
from voxjax.experiments.tensorboard import TensorBoardWriter
from voxjax.metrics import classification
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.run_spec import RunSpec
from voxjax.storage import atomic, json_values
from voxjax.storage.paths import AnyPath
from voxjax.train.history import curves, mean_history
from voxjax.train.run_state import RunSetup, RunState

_PICTURES_EVERY = 10  # epochs; drawing takes about as long as a short epoch
_CLIPS = 4  # clips with audio in TensorBoard


class RunLogger:
    """Writes the reports of the loop's hooks. A context manager, which closes all files."""

    def __init__(self, workdir: AnyPath, spec: RunSpec, dataset: Dataset, audible: np.ndarray) -> None:
        """Writes nothing yet: `start_part` begins.

        Args:
            workdir: of the run.
            spec: the run.
            dataset: its corpus.
            audible: clips of which a few are put into TensorBoard, to listen to.
        """
        self._workdir, self._spec, self._dataset, self._audible = workdir, spec, dataset, audible
        self._lines = workdir / "metrics.jsonl"
        self._parts: list[RunState] = []
        self._tensorboard: TensorBoardWriter | None = None
        self._bar: tqdm | None = None

    def __enter__(self) -> "RunLogger":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._tensorboard is not None:
            self._tensorboard.close()

    def start_part(self, setup: RunSetup, run: RunState) -> None:
        """Begins the next program of the run.

        Rows of epochs after a restored one, of a run that was interrupted, are dropped.
        """
        self._setup = setup
        self._parts.append(run)
        self._write_history()
        done = sum(part.epoch for part in self._parts)
        if self._tensorboard is None:
            self._tensorboard = TensorBoardWriter(self._workdir / "tensorboard", done + 1 if done else None)
            if not done:
                self._add_audio()
        steps = max(batches.steps_per_epoch(len(plan.rows), setup.train.batch_size) for plan in setup.plans)
        if self._bar is not None:
            self._bar.close()
        self._bar = tqdm(
            total=setup.epochs * steps,
            initial=run.epoch * steps,
            desc=self._spec.config.name,
            unit="step",
            disable=None,
        )
        self._uar = float(np.mean([member.best_uar for member in run.members]))

    def message(self, text: str) -> None:
        """Prints one line for the user above the progress bar."""
        tqdm.write(text, file=sys.stderr)

    def finish(self, figures: Mapping[str, Any]) -> None:
        """The hyperparameters with the final figures."""
        final = {f"test/{name}": figures[name] for name in ("uar", "accuracy", "macro_f1")}
        assert self._tensorboard is not None  # at least one part
        self._tensorboard.hyperparameters(thaw(self._spec.config), final)

    def on_step(self, epoch: int, step: int, loss: float) -> None:
        """Advances the bar, which shows the loss, the last validation UAR and the time left."""
        del step
        assert self._bar is not None
        self._bar.update()
        self._bar.set_postfix(epoch=epoch + 1, loss=f"{loss:.3f}", uar=f"{max(self._uar, 0.0):.3f}", refresh=False)

    def on_epoch(self, run: RunState, logits: list[np.ndarray]) -> None:
        """Writes a row for the epoch, and pictures at intervals."""
        self._parts[-1] = run
        row = self._row(run)
        self._uar = row["valid_uar"]
        atomic.append(self._lines, json.dumps(json_values.plain(row), allow_nan=False) + "\n")
        assert self._tensorboard is not None
        point = sum(part.epoch for part in self._parts)  # parts are joined on one axis
        self._tensorboard.scalars(point, _curves(row))
        if len(run.members) > 1:
            each = {f"uar_of_members/{i}": member.history[-1]["valid_uar"] for i, member in enumerate(run.members)}
            self._tensorboard.scalars(point, each)
        if run.epoch % _PICTURES_EVERY == 0:
            self._draw(point, run, logits)

    def _row(self, run: RunState) -> Mapping[str, Any]:
        row = mean_history([run])[run.epoch - 1]
        return row if len(self._parts) == 1 else {**row, "part": len(self._parts) - 1}

    def _write_history(self) -> None:
        rows = [
            row if i == 0 else {**row, "part": i} for i, part in enumerate(self._parts) for row in mean_history([part])
        ]
        atomic.write(self._lines, "".join(json.dumps(json_values.plain(row), allow_nan=False) + "\n" for row in rows))

    def _add_audio(self) -> None:
        """Adds a few decoded training clips to TensorBoard."""
        assert self._tensorboard is not None
        clips, copies = self._dataset.manifest.clips, self._dataset.copies_per_recording
        for i in self._audible[:: max(1, len(self._audible) // _CLIPS)][:_CLIPS]:
            name = f"{clips[i].emotion}/{clips[i].clip_id}"
            samples = self._dataset.clip_store.clip(int(i) // copies)
            self._tensorboard.audio(0, name, samples, self._spec.sample_rate_hz)

    def _draw(self, point: int, run: RunState, logits: list[np.ndarray]) -> None:
        labels = self._dataset.manifest.labels
        truth = np.concatenate([plan.valid.labels for plan in self._setup.plans])
        predicted = np.concatenate([one.argmax(-1) for one in logits])
        counts = classification.confusion(truth, predicted, len(labels))
        assert self._tensorboard is not None
        self._tensorboard.confusion(point, labels, counts)
        self._tensorboard.history(point, curves([run]))


class NullLogger:
    """A logger for processes that write no files."""

    def __enter__(self) -> "NullLogger":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start_part(self, setup: RunSetup, run: RunState) -> None:
        """As `RunLogger.start_part`."""

    def message(self, text: str) -> None:
        """As `RunLogger.message`."""

    def finish(self, figures: Mapping[str, Any]) -> None:
        """As `RunLogger.finish`."""

    def on_step(self, epoch: int, step: int, loss: float) -> None:
        """As `RunLogger.on_step`."""

    def on_epoch(self, run: RunState, logits: list[np.ndarray]) -> None:
        """As `RunLogger.on_epoch`."""


def _curves(row: Mapping[str, float]) -> dict[str, float]:
    """Curves by name; curves of one page have one prefix."""
    return {
        "loss/train": row["train_loss"],
        "loss/valid": row["valid_loss"],
        "uar/valid": row["valid_uar"],
        "accuracy/train": row["train_accuracy"],
        "accuracy/valid": row["valid_accuracy"],
        "optimizer/learning_rate": row["learning_rate"],
        "optimizer/gradient_norm": row["gradient_norm"],
        "speed/steps_per_s": row["steps_per_s"],
    }
