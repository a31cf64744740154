"""Follows a run while it goes on: progress bar, metrics.jsonl, TensorBoard and checkpoints."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from voxjax import metrics
from voxjax.config import Config, thaw
from voxjax.edges import files
from voxjax.edges.assemble import Assembled
from voxjax.edges.checkpoint import Checkpoints
from voxjax.edges.monitor import Monitor
from voxjax.train import loop

_PICTURES_EVERY = 10  # epochs; drawing takes about as long as a short epoch
_CLIPS = 4  # to listen to in TensorBoard


class Watch:
    """What the loop's hooks tell, written down. Use it in a `with`, so that nothing is lost."""

    def __init__(
        self, workdir: Path, config: Config, assembled: Assembled, checkpoints: Checkpoints, progress: loop.Progress
    ) -> None:
        """Opens the run's files. Epochs after the restored one, of a run that was cut off, are dropped."""
        self._config, self._checkpoints = config, checkpoints
        self._labels = assembled.manifest.labels
        self._truth = assembled.manifest.targets[assembled.split.valid]
        self._lines = workdir / "metrics.jsonl"
        self._write_history(progress)
        self._monitor = Monitor(workdir / "tensorboard", progress.epoch + 1 if progress.epoch else None)
        if not progress.epoch:
            self._listen(assembled)
        steps = len(assembled.train.owners) // config.train.batch_size or 1
        self._bar = tqdm(
            total=config.train.epochs * steps,
            initial=progress.epoch * steps,
            desc=config.name,
            unit="step",
            disable=None,
        )
        self._uar = progress.best_uar

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._monitor.close()

    def on_step(self, epoch: int, step: int, loss: float) -> None:
        """Moves the bar, which shows the loss, the last validation UAR and the time left."""
        del step
        self._bar.update()
        self._bar.set_postfix(epoch=epoch + 1, loss=f"{loss:.3f}", uar=f"{max(self._uar, 0.0):.3f}", refresh=False)

    def on_epoch(self, progress: loop.Progress, logits: np.ndarray) -> None:
        """Writes the epoch down, and from time to time pictures and a checkpoint."""
        row = progress.history[-1]
        epoch = progress.epoch
        self._uar = row["valid_uar"]
        with self._lines.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self._monitor.scalars(epoch, _curves(row))
        if epoch % _PICTURES_EVERY == 0:
            self._draw(progress, logits)
        if epoch % self._config.train.checkpoint_every_epochs == 0 or loop.finished(self._config.train, progress):
            arrays = {"state": progress.state, "best": progress.best}
            self._checkpoints.save(epoch, arrays, _counters(progress))

    def finish(self, figures: Mapping[str, Any]) -> None:
        """The hyperparameters beside the final figures."""
        final = {f"test/{name}": figures[name] for name in ("uar", "accuracy", "macro_f1")}
        self._monitor.hyperparameters(thaw(self._config), final)

    def _write_history(self, progress: loop.Progress) -> None:
        files.write(self._lines, "".join(json.dumps(row) + "\n" for row in progress.history))

    def _listen(self, assembled: Assembled) -> None:
        """A few training clips, as the network is given them before features."""
        rate = self._config.features.sample_rate_hz
        for i in assembled.split.train[:: max(1, len(assembled.split.train) // _CLIPS)][:_CLIPS]:
            clip = assembled.manifest.clips[i]
            self._monitor.audio(0, f"{clip.emotion}/{clip.path}", assembled.clips.clip(int(i)), rate)

    def _draw(self, progress: loop.Progress, logits: np.ndarray) -> None:
        weight = jnp.ones(len(self._truth))
        total = metrics.sums(jnp.asarray(logits), jnp.asarray(self._truth), weight)
        counts = np.asarray(total["confusion"]).astype(int)
        self._monitor.confusion(progress.epoch, self._labels, counts)
        self._monitor.history(progress.epoch, progress.history)


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


def _counters(progress: loop.Progress) -> dict[str, Any]:
    """What a checkpoint holds beside the arrays."""
    return {
        "epoch": progress.epoch,
        "best_uar": progress.best_uar,
        "best_epoch": progress.best_epoch,
        "history": list(progress.history),
    }
