"""Follows a run while it goes on: progress bar, metrics.jsonl and TensorBoard."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from voxjax.config import Config
from voxjax.config_schema import thaw
from voxjax.data import batches
from voxjax.experiments.tensorboard import Monitor
from voxjax.metrics import classification
from voxjax.pipeline.dataset import Assembled
from voxjax.storage import atomic
from voxjax.train import history, run_state

_PICTURES_EVERY = 10  # epochs; drawing takes about as long as a short epoch
_CLIPS = 4  # to listen to in TensorBoard


class Watch:
    """What the loop's hooks tell, written down. Use it in a `with`, so that nothing is lost."""

    def __init__(self, workdir: Path, config: Config, assembled: Assembled, heard: np.ndarray) -> None:
        """Says nothing yet: `part` begins.

        Args:
            workdir: of the run.
            config: of the run.
            assembled: its corpus.
            heard: clips of which a few are put into TensorBoard, to listen to.
        """
        self._workdir, self._config, self._assembled, self._heard = workdir, config, assembled, heard
        self._lines = workdir / "metrics.jsonl"
        self._parts: list[run_state.Progress] = []
        self._monitor: Monitor | None = None
        self._bar: tqdm | None = None

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._monitor is not None:
            self._monitor.close()

    def part(self, setup: run_state.Setup, progress: run_state.Progress) -> None:
        """Begins with the next program of the run.

        Epochs after a restored one, of a run that was cut off, are dropped.
        """
        self._setup = setup
        self._parts.append(progress)
        self._write_history()
        done = sum(part.epoch for part in self._parts)
        if self._monitor is None:
            self._monitor = Monitor(self._workdir / "tensorboard", done + 1 if done else None)
            if not done:
                self._listen()
        plan = setup.plan
        steps = max(batches.steps_per_epoch(len(course.rows), plan.batch_size) for course in setup.courses)
        if self._bar is not None:
            self._bar.close()
        self._bar = tqdm(
            total=plan.epochs * steps,
            initial=progress.epoch * steps,
            desc=self._config.name,
            unit="step",
            disable=None,
        )
        self._uar = float(np.mean([member.best_uar for member in progress.members]))

    def say(self, text: str) -> None:
        """One line to the user, above the bar."""
        tqdm.write(text, file=sys.stderr)

    def finish(self, figures: Mapping[str, Any]) -> None:
        """The hyperparameters beside the final figures."""
        final = {f"test/{name}": figures[name] for name in ("uar", "accuracy", "macro_f1")}
        assert self._monitor is not None  # at least one part
        self._monitor.hyperparameters(thaw(self._config), final)

    def on_step(self, epoch: int, step: int, loss: float) -> None:
        """Moves the bar, which shows the loss, the last validation UAR and the time left."""
        del step
        assert self._bar is not None
        self._bar.update()
        self._bar.set_postfix(epoch=epoch + 1, loss=f"{loss:.3f}", uar=f"{max(self._uar, 0.0):.3f}", refresh=False)

    def on_epoch(self, progress: run_state.Progress, logits: list[np.ndarray]) -> None:
        """Writes the epoch down, and from time to time draws pictures."""
        self._parts[-1] = progress
        row = self._row(progress)
        self._uar = row["valid_uar"]
        with self._lines.open("a") as file:
            file.write(json.dumps(row) + "\n")
        assert self._monitor is not None
        point = sum(part.epoch for part in self._parts)  # parts lie one behind the other on one axis
        self._monitor.scalars(point, _curves(row))
        if len(progress.members) > 1:
            each = {f"uar_of_members/{i}": member.history[-1]["valid_uar"] for i, member in enumerate(progress.members)}
            self._monitor.scalars(point, each)
        if progress.epoch % _PICTURES_EVERY == 0:
            self._draw(point, progress, logits)

    def _row(self, progress: run_state.Progress) -> dict[str, Any]:
        row = history.history([progress])[progress.epoch - 1]
        return row if len(self._parts) == 1 else {**row, "part": len(self._parts) - 1}

    def _write_history(self) -> None:
        rows = [
            row if i == 0 else {**row, "part": i}
            for i, part in enumerate(self._parts)
            for row in history.history([part])
        ]
        atomic.write(self._lines, "".join(json.dumps(row) + "\n" for row in rows))

    def _listen(self) -> None:
        """A few training clips, as the network is given them before features."""
        assert self._monitor is not None
        rate, sounds = self._config.features.sample_rate_hz, self._assembled.sounds
        clips = self._assembled.manifest.clips
        copies = len(clips) // len(sounds)  # under the guide's protocol each is a clip of its own
        for i in self._heard[:: max(1, len(self._heard) // _CLIPS)][:_CLIPS]:
            name = f"{clips[i].emotion}/{clips[i].path}"
            self._monitor.audio(0, name, sounds.clip(int(i) // copies), rate)

    def _draw(self, point: int, progress: run_state.Progress, logits: list[np.ndarray]) -> None:
        labels = self._assembled.manifest.labels
        truth = np.concatenate([course.valid.labels for course in self._setup.courses])
        predicted = np.concatenate([one.argmax(-1) for one in logits])
        counts = classification.confusion(truth, predicted, len(labels))
        assert self._monitor is not None
        self._monitor.confusion(point, labels, counts)
        self._monitor.history(point, history.curves([progress]))


class Unwatched:
    """In place of a watch, in the processes that write nothing down."""

    def __enter__(self) -> "Unwatched":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def part(self, setup: run_state.Setup, progress: run_state.Progress) -> None:
        """As `Watch.part`."""

    def say(self, text: str) -> None:
        """As `Watch.say`."""

    def finish(self, figures: Mapping[str, Any]) -> None:
        """As `Watch.finish`."""

    def on_step(self, epoch: int, step: int, loss: float) -> None:
        """As `Watch.on_step`."""

    def on_epoch(self, progress: run_state.Progress, logits: list[np.ndarray]) -> None:
        """As `Watch.on_epoch`."""


def _curves(row: Mapping[str, float]) -> dict[str, float]:
    """TensorBoard's names: one group for what belongs on one page."""
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
