"""The log of a run while it trains: its progress, metrics.jsonl and TensorBoard."""

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from voxjax import progress
from voxjax.config import Config
from voxjax.config_schema import dotted, thaw
from voxjax.data import batches
from voxjax.experiments import tensorboard
from voxjax.experiments.tensorboard import TensorBoardWriter
from voxjax.metrics import classification
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.run_spec import RunSpec
from voxjax.storage import atomic, json_values
from voxjax.storage.paths import AnyPath
from voxjax.train.history import curves, mean_history
from voxjax.train.run_state import RunSetup, RunState, finished

_PICTURES_EVERY = 10  # epochs; drawing takes about as long as a short epoch
_CLIPS = 4  # clips with audio in TensorBoard
# Of every run in TensorBoard's table, beside the values that the command changed. It shows five columns at first.
_COLUMNS = ("name", "corpus", "protocol")
_TEST_FIGURES = ("uar", "accuracy")  # beside the columns, on the same screen


class RunLogger:
    """Writes the reports of the loop's hooks. A context manager, which closes all files."""

    def __init__(self, workdir: AnyPath, spec: RunSpec, dataset: Dataset, audible: np.ndarray, parts: int = 1) -> None:
        """Writes nothing yet: `start_part` begins.

        Args:
            workdir: of the run.
            spec: the run.
            dataset: its corpus.
            audible: clips of which a few are put into TensorBoard, to listen to.
            parts: how many programs the run has.
        """
        self._workdir, self._spec, self._dataset, self._audible = workdir, spec, dataset, audible
        self._lines = workdir / "metrics.jsonl"
        self._planned_parts = parts
        self._parts: list[RunState] = []
        self._tensorboard: TensorBoardWriter | None = None
        self._bar: progress.StepBar | None = None

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
            self.message(f"curves: {tensorboard.command(self._workdir)}")
            self._tensorboard = TensorBoardWriter(self._workdir / "tensorboard", done + 1 if done else None)
            if not done:
                self._add_audio()
                self._tensorboard.text(0, "config", _table(self._spec.config))
        steps = max(batches.steps_per_epoch(len(plan.rows), setup.train.batch_size) for plan in setup.plans)
        if self._bar is not None:
            self._bar.close()
        self._started_s, self._first_epoch = time.monotonic(), (0, 0.0)
        if progress.on_terminal():
            self._bar = progress.StepBar(setup.epochs * steps, run.epoch * steps, self._title())
        else:
            members = f"{len(setup.plans)} members, " if len(setup.plans) > 1 else ""
            progress.line(
                f"{self._title()}: {members}{setup.epochs} epochs of {steps} steps from epoch {run.epoch + 1}"
            )
        self._uar = float(np.mean([member.best_uar for member in run.members]))

    def message(self, text: str) -> None:
        """Prints one line for the user, on a terminal above the progress bar."""
        if self._bar is None:
            progress.line(text)
        else:
            self._bar.line(text)

    def finish(self, figures: Mapping[str, Any]) -> None:
        """The test figures, the test's confusion matrix, and the hyperparameters that they belong to."""
        assert self._tensorboard is not None  # at least one part
        last = sum(part.epoch for part in self._parts)
        values = dotted(thaw(self._spec.config))
        chosen = {key: values[key] for key in dict.fromkeys((*_COLUMNS, *self._spec.changed)) if key in values}
        self._tensorboard.finished(last, chosen, {name: figures[name] for name in _TEST_FIGURES})
        self._tensorboard.confusion("test", last, figures["labels"], np.array(figures["confusion"]))

    def on_step(self, epoch: int, step: int, loss: float) -> None:
        """Advances the bar, which shows the loss, the last validation UAR and the time left."""
        del step
        if self._bar is not None:
            self._bar.step(epoch=f"{epoch + 1}", loss=f"{loss:.3f}", uar=f"{max(self._uar, 0.0):.3f}")

    def on_epoch(self, run: RunState, logits: list[np.ndarray]) -> None:
        """Writes a row for the epoch, and pictures at intervals and at the end."""
        self._parts[-1] = run
        row = self._row(run)
        self._uar = row["valid_uar"]
        atomic.append(self._lines, json.dumps(json_values.plain(row), allow_nan=False) + "\n")
        assert self._tensorboard is not None
        point = sum(part.epoch for part in self._parts)  # parts are joined on one axis
        for part, values in _curves(row).items():
            self._tensorboard.scalars(part, point, values)
        if len(run.members) > 1:
            each = {f"uar_of_members/{i}": member.history[-1]["valid_uar"] for i, member in enumerate(run.members)}
            self._tensorboard.scalars("valid", point, each)
        last = finished(self._setup, run)
        if last or run.epoch % _PICTURES_EVERY == 0:
            self._draw(point, run, logits)
        if self._bar is None:
            self._write_line(run, row, last)

    def _title(self) -> str:
        name = self._spec.config.name
        return name if self._planned_parts == 1 else f"{name}, part {len(self._parts)} of {self._planned_parts}"

    def _write_line(self, run: RunState, row: Mapping[str, Any], last: bool) -> None:
        """One line for the epoch, where no terminal shows the bar."""
        now, (first, first_s) = time.monotonic(), self._first_epoch
        figures = f"loss {row['train_loss']:.3f}, validation loss {row['valid_loss']:.3f}, UAR {row['valid_uar']:.1%}"
        if last:
            end = f", trained in {progress.clock(now - self._started_s)}"
        elif first:
            left = (now - first_s) / (run.epoch - first) * (self._setup.epochs - run.epoch)
            end = f", about {progress.clock(left)} left"
        else:
            self._first_epoch, end = (run.epoch, now), ""  # compiling is part of it: it says nothing about the next
        progress.line(f"{self._title()}: epoch {run.epoch} of {self._setup.epochs}, {figures}{end}")

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
        self._tensorboard.confusion("valid", point, labels, counts)
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


def _curves(row: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Curves by part and name; curves of one name share a chart."""
    optimizer = {f"optimizer/{name}": row[name] for name in ("learning_rate", "gradient_norm")}
    trained = {"loss": row["train_loss"], "accuracy": row["train_accuracy"], **optimizer}
    return {
        "train": {**trained, "speed/steps_per_s": row["steps_per_s"]},
        "valid": {"loss": row["valid_loss"], "accuracy": row["valid_accuracy"], "uar": row["valid_uar"]},
    }


def _table(config: Config) -> str:
    """The values that differ from the defaults, as a table in Markdown."""
    usual = dotted(thaw(Config()))
    values = dotted(thaw(config))
    rows = [f"| {key} | {value} |" for key, value in values.items() if key not in usual or value != usual[key]]
    return "\n".join(["| differs from the default | value |", "|---|---|", *rows])
