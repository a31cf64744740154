"""The files that VoxJAX writes and reads back, each with the function that reads it, on a small run."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from voxjax.artifacts import checkpoint_metadata, model_folder
from voxjax.benchmarks.soak import small_corpus
from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.data import corpora, store
from voxjax.data.corpora import generated
from voxjax.deploy.page import run_folders
from voxjax.errors import UsageError
from voxjax.experiments import run_folder, session, train, training_state
from voxjax.inference import answer_file, prediction_lines
from voxjax.inference.formats import FORMATS
from voxjax.inference.predictor import EmotionPredictor
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline import encoder_features, feature_table, feature_table_check, near_duplicates
from voxjax.pipeline.encoder_weights import EncoderWeights
from voxjax.pipeline.feature_sets import FeatureSet
from voxjax.pipeline.folds import make_fold
from voxjax.pipeline.run_spec import Paths, RunSpec, resolve
from voxjax.storage import download_record
from voxjax.train.run_state import RunSetup, RunState, fetch_members

_CONFIG = Config(
    corpus="folder",
    architecture="baseline",
    model={"filters": (4,), "dense": (6,)},
    protocol="random5",
    features=FrameFeatures(channels=("logmel",), mels=16),
    train=TrainConfig(epochs=3, batch_size=8, valid_fraction=0.2, checkpoint_every_epochs=1, checkpoints_kept=2),
)
_ANSWERS = 150  # sound files of an interrupted call: several blocks
_OUT = "out.jsonl"

Report = Callable[[str], object]


class Target(NamedTuple):
    """Files that are read together."""

    name: str
    folder: Path  # put back after each trial
    pattern: str  # of the files that are damaged
    read: Callable[[Report], str]  # reads them as VoxJAX does; the digest of what comes of it
    result: str  # of whole files
    weight: float  # of all trials
    older: tuple[str, ...] = ()  # results of checkpoints before the newest

    def files(self) -> list[Path]:
        """The files that can be damaged."""
        return sorted(path for path in self.folder.glob(self.pattern) if path.is_file())


def build(folder: Path) -> list[Target]:
    """Writes a small run with its caches, a download, a table and an interrupted call, and their results.

    Args:
        folder: for all of it; created.
    """
    data_dir, cache, run = folder / "data", folder / "cache", folder / "run"
    small_corpus.write(data_dir / "folder")
    spec = resolve(_CONFIG, Paths(cache, data_dir))
    train.train(spec, run, "new")
    table = folder / "table"
    table.mkdir()
    manifest = datasets.relabelled(spec.config, corpora.load("folder", data_dir, cache))

    def clips() -> store.Store:
        return store.open_store(manifest, spec.sample_rate_hz, cache / "clips", "stop", lambda _: None)

    def read_store(report: Report) -> str:
        del report
        found = clips()
        samples = [found.clip(i).tobytes() + found.digest(i).encode() for i in range(len(found))]
        return _sha(b"".join(samples))

    def read_prints(report: Report) -> str:
        del report
        found = near_duplicates.prints(clips(), spec.sample_rate_hz, cache / "clips", lambda _: None)
        return _sha(b"".join(one.words.tobytes() + one.loud.tobytes() for one in found))

    def read_outputs(report: Report) -> str:
        del report
        features = FrameFeatures(channels=("logmel",), mels=16)
        found = encoder_features.rows(
            FeatureSet(features, OfflineAugmentConfig()),
            [EncoderWeights(features, {}, "of no encoder, as its outputs are kept alike")],
            manifest,
            clips().clip,
            cache,
            lambda _: None,
        )
        return _sha(found.features.tobytes() + found.lengths.tobytes() + found.clip_index.tobytes())

    def read_table(report: Report) -> str:
        found = feature_table_check.check(table / "features.csv", manifest)
        if found.faults:
            raise UsageError(found.lines[-1])
        return "\n".join(found.lines)

    feature_table.write(
        table / "features.csv",
        manifest,
        store.open_store(manifest, feature_table.FEATURES.sample_rate_hz, cache / "table", "stop", lambda _: None),
        OfflineAugmentConfig(augmentation_factor=1),
    )
    simple: list[tuple[str, Path, str, Callable[[Report], str], float]] = [
        ("clip store", cache / "clips", "*.clips", read_store, 3.0),
        ("fingerprints", cache / "clips", "*.prints", read_prints, 1.0),
        ("encoder outputs", cache / "encoded_clips", "*/*", read_outputs, 3.0),
        ("feature table", table, "*", read_table, 0.5),
        ("generated corpus", folder / "generated", "**/*", _generated(folder / "generated"), 1.0),
        ("downloaded corpus", folder / "downloads", "**/*", _downloaded(folder / "downloads"), 1.0),
        ("model folder", run / "model", "*", _model(run / "model"), 4.0),
        ("report", run, "report/*", _report(run), 1.5),
        ("history", run, "metrics.jsonl", _report(run), 0.5),
        ("config.json", run, "config.json", _config(run), 2.0),
        ("progress of answers", folder / "answers", "out*", _answers(folder), 0.5),
    ]
    targets = [Target(name, place, pattern, read, read(print), weight) for name, place, pattern, read, weight in simple]
    return [*targets, _checkpoints(spec, run)]


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _generated(folder: Path) -> Callable[[Report], str]:
    def read(report: Report) -> str:
        del report
        digests = generated.ensure(folder, small_corpus.write)
        return _sha(b"".join(name.encode() + (folder / name).read_bytes() for name in digests))

    return read


def _downloaded(folder: Path) -> Callable[[Report], str]:
    small_corpus.write(folder / "folder")
    download_record.write(folder / "folder", {"corpus": "folder"})

    def read(report: Report) -> str:
        del report
        clips = corpora.load("folder", folder, folder).clips
        return _sha(repr([(clip.path, clip.sha256) for clip in clips]).encode())

    return read


def _model(folder: Path) -> Callable[[Report], str]:
    def read(report: Report) -> str:
        del report
        found = dataclasses.asdict(model_folder.load(folder))
        leaves = jax.tree_util.tree_flatten_with_path(found)[0]
        parts = [f"{path} {leaf.dtype}".encode() + leaf.tobytes() for path, leaf in leaves if hasattr(leaf, "tobytes")]
        return _sha(b"".join([*parts, repr([leaf for _, leaf in leaves if not hasattr(leaf, "tobytes")]).encode()]))

    return read


def _report(run: Path) -> Callable[[Report], str]:
    def read(report: Report) -> str:
        del report
        found = run_folders.read(run)
        columns = [one.tolist() if isinstance(one, np.ndarray) else one for one in found.report]
        return _sha(repr([columns, found.history]).encode())

    return read


def _config(run: Path) -> Callable[[Report], str]:
    values = run_folder.config(run)
    other = {**values, "hyper": {**values["hyper"], "learning_rate": 0.1234}}

    def read(report: Report) -> str:
        del report
        try:
            run_folder.check_unused(run, other, "resume")
            return "went on under another config"
        except UsageError:
            pass
        run_folder.check_unused(run, values, "resume")
        return json.dumps([run_folder.config(run), run_folder.chosen_execution(run, "part0")], sort_keys=True)

    return read


def _answers(folder: Path) -> Callable[[Report], str]:
    """An interrupted call for files that can't be read, whose answers take no time."""
    clips, out = folder / "unreadable", folder / "answers" / _OUT
    clips.mkdir()
    out.parent.mkdir()
    for i in range(_ANSWERS):
        (clips / f"{i}.wav").write_bytes(os.urandom(9))
    predictor = EmotionPredictor(folder / "run" / "model")
    wanted = prediction_lines.plan(predictor, prediction_lines.Request([str(clips)], FORMATS["jsonl"]))

    def interrupt(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    try:
        answer_file.write(out, predictor, wanted, {}, interrupt)
    except KeyboardInterrupt:
        kept = folder / "interrupted"
        shutil.copytree(out.parent, kept)

    def read(report: Report) -> str:
        del report
        answer_file.write(out, predictor, wanted, {}, lambda _: None)
        return _sha(out.read_bytes())

    result = read(print)
    shutil.rmtree(out.parent)
    shutil.move(kept, out.parent)
    assert result
    return read


def _checkpoints(spec: RunSpec, run: Path) -> Target:
    dataset = datasets.load(spec)
    fold = make_fold(spec, dataset, spec.config.fold, spec.config.seed)
    setup = session.prepared(spec, dataset, [fold], run, "part0")
    folder = run / "checkpoints"

    def read(report: Report) -> str:
        with run_folder.checkpoints(run, "part0", 2) as checkpoints:
            return _state(setup, training_state.begin_or_resume(setup, checkpoints, report))

    result = read(print)
    newest = max((folder / "part0").iterdir(), key=lambda path: int(path.name))
    kept = folder.with_name("newest")
    shutil.move(newest, kept)
    older = read(print)
    shutil.move(kept, newest)
    return Target("checkpoints", folder, "**/*", read, result, 8.0, (older,))


def _state(setup: RunSetup, run: RunState) -> str:
    states = fetch_members(setup.sgd, run.states, [True] * len(setup.plans))
    numbers = [(one.hyper, one.history, one.best_uar, one.best_epoch) for one in run.members]
    arrays = checkpoint_metadata.digest([states, [one.best for one in run.members], run.healthy])
    return arrays + _sha(repr([run.epoch, numbers]).encode())
