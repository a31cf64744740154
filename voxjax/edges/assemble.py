"""From a config to arrays: corpus, split, guard, store, features and the scaler."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from voxjax import config as configs
from voxjax.audio import normalize
from voxjax.data import corpora, examples, guard, splits, store
from voxjax.data.examples import Examples
from voxjax.data.manifest import Manifest


class Assembled(NamedTuple):
    """Everything a run trains and is judged on. Time axes of the three sets are equally long."""

    manifest: Manifest
    split: splits.Split
    train: Examples
    valid: Examples
    test: Examples
    scaler: normalize.Scaler
    clips: store.Store


def assemble(config: configs.Config, data_dir: Path | None, cache: Path) -> Assembled:
    """Reads, splits, guards and transforms the corpus of a run.

    Args:
        config: the run.
        data_dir: holds one folder a corpus.
        cache: where decoded clips are kept.

    Raises:
        VoxJaxError: at a missing corpus, broken clips, a split that leaks or too few clips.
    """
    manifest = corpora.load(config.corpus, data_dir, cache)
    manifest, clips = decoded(manifest, config.features.sample_rate_hz, cache, config.broken_clips)
    train = config.train
    split = splits.split(manifest, config.protocol, config.fold, train.valid_share, config.seed)
    guard.check(manifest, split)
    with tqdm(total=len(manifest), desc="features", unit="clip", disable=None) as bar:
        sets = [
            _examples(config.features, clips, manifest, split.train, bar, config.copies),
            _examples(config.features, clips, manifest, split.valid, bar, None),
            _examples(config.features, clips, manifest, split.test, bar, None),
        ]
    guard.fitted_on_train(split.train[sets[0].owners], split)
    scaler = examples.fit_scaler(config.features, sets[0])
    positions = max(rows.features.shape[2] for rows in sets)
    sets = [examples.pad_time(rows, positions) for rows in sets]
    return Assembled(manifest, split, sets[0], sets[1], sets[2], scaler, clips)


def decoded(manifest: Manifest, sample_rate_hz: int, cache: Path, broken: str) -> tuple[Manifest, store.Store]:
    """The store of a manifest's clips, and the manifest without those that were skipped as broken."""
    with tqdm(total=len(manifest), desc="decoding", unit="clip", disable=None) as bar:
        clips = store.open_store(manifest, sample_rate_hz, cache / "clips", broken, bar.update)
    return manifest.select(clips.kept), clips


def _examples(
    config: configs.FeatureConfig,
    clips: store.Store,
    manifest: Manifest,
    indices: np.ndarray,
    bar: tqdm,
    copying: configs.CopiesConfig | None,
) -> Examples:
    ids = [manifest.clips[i].copy_id for i in indices]
    return examples.build(config, [clips.clip(int(i)) for i in indices], bar.update, copying, ids)
