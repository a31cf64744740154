"""From a config to arrays: corpus, split, guard, store, features and the scaler."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from voxjax import modalities
from voxjax.audio import normalize
from voxjax.config import Config, FeatureConfig
from voxjax.data import corpora, examples, guard, labelling, splits, store
from voxjax.data.examples import Examples
from voxjax.data.manifest import Clip, Manifest
from voxjax.edges import encoding, others, views
from voxjax.errors import UsageError, mismatch
from voxjax.train.standing import Side


class Seen(NamedTuple):
    """All clips in one view."""

    features: FeatureConfig
    rows: Examples
    encoder: encoding.Encoder | None  # that made the rows, if one did


class Assembled(NamedTuple):
    """A corpus as arrays. Which of its clips train is not yet said."""

    manifest: Manifest
    sounds: store.Store
    seen: tuple[Seen, ...]  # in the order of `views.distinct`
    others: Mapping[str, modalities.Column]  # modalities beside the audio that members fuse, a row a clip


class Share(NamedTuple):
    """One split of one view, with what was fitted on the training side."""

    rows: np.ndarray  # int64, rows of `Seen.rows` to train on
    scaler: normalize.Scaler
    class_weights: np.ndarray  # float32 [K], mean 1 over the training rows
    valid: Side
    test: Side


class Fold(NamedTuple):
    """One split of the corpus."""

    split: splits.Split
    seed: int
    shares: tuple[Share, ...]  # one a view
    other_scalers: Mapping[str, normalize.Scaler]  # of `Assembled.others`


def assemble(config: Config, data_dir: Path | None, cache: Path) -> Assembled:
    """Reads and transforms the corpus of a run.

    Under the protocol `guide` each copy of a clip becomes a clip of its own, as in the training guide: that
    is how the guide's split leaks.

    Args:
        config: the run.
        data_dir: holds one folder a corpus.
        cache: where decoded clips are kept.

    Raises:
        VoxJaxError: at a missing corpus, broken clips, or a modality that no clip has.
    """
    manifest = chosen(config, corpora.load(_corpora(config), data_dir, cache))
    manifest, sounds = decoded(manifest, config.features.sample_rate_hz, cache, config.broken_clips)
    beside = others.read(config, others.Sounds(manifest, sounds, config.features.sample_rate_hz))
    chosen_views = views.distinct(config)
    encoding.refuse_one_file({view.features.encoder for view in chosen_views if view.features.kind == "encoder"})
    seen = []
    for view in chosen_views:
        encoder = encoding.load(view.features, cache)
        with tqdm(total=len(manifest), desc="features", unit="clip", disable=None) as bar:
            rows = encoding.rows(view, encoder, manifest, sounds.clip, cache, bar.update)
        seen.append(Seen(view.features, rows, encoder))
    if config.protocol == "guide":
        copies = chosen_views[0].copies.augmentation_factor + 1
        seen = [one._replace(rows=_copies_apart(one.rows)) for one in seen]
        beside = others.rows(beside, np.repeat(np.arange(len(manifest)), copies))
        manifest = dataclasses.replace(manifest, clips=_each_copy(manifest, copies))
    return Assembled(manifest, sounds, tuple(seen), beside)


def chosen(config: Config, manifest: Manifest) -> Manifest:
    """The clips under the labels that the config asks for; across corpora, under those that all have.

    Raises:
        UsageError, VoxJaxError: as `labelling.relabelled`.
    """
    sets = "shared" if config.test_corpus and config.labels == "own" else config.labels
    return labelling.relabelled(manifest, labelling.Choice(sets, config.truth))


def _corpora(config: Config) -> str:
    """All corpora of a run, what is tested on last.

    Raises:
        UsageError: at a test corpus without its protocol, or the other way round.
    """
    across = config.protocol == "corpus"
    if across and not config.test_corpus:
        do = "add --config.test_corpus=NAME"
        raise UsageError(mismatch("protocol corpus", "a corpus to test on", "no config.test_corpus", do))
    if config.test_corpus and not across:
        do = "add --config.protocol=corpus, or leave it out"
        raise UsageError(mismatch("config.test_corpus", "protocol corpus", config.protocol, do))
    if config.test_corpus in config.corpus.split("+"):
        do = "test on a corpus that is not trained on"
        raise UsageError(mismatch("config.test_corpus", f"another than {config.corpus}", config.test_corpus, do))
    return f"{config.corpus}+{config.test_corpus}" if across else config.corpus


def cut(config: Config, assembled: Assembled, fold: int, seed: int) -> Fold:
    """One guarded split, and the statistics of its training side.

    Raises:
        VoxJaxError: at a split that leaks, or too few clips.
    """
    split = splits.split(assembled.manifest, config.protocol, fold, config.train.valid_share, seed)
    guard.check(assembled.manifest, split)
    shares = (_share(config, assembled.manifest, seen, split) for seen in assembled.seen)
    return Fold(split, seed, tuple(shares), others.scalers(assembled.others, split))


def _share(config: Config, manifest: Manifest, seen: Seen, split: splits.Split) -> Share:
    rows = seen.rows
    train = np.flatnonzero(np.isin(rows.owners, split.train))
    guard.fitted_on_train(rows.owners[train], split)
    chosen = Examples(rows.features[train, :1], rows.lengths[train, :1], rows.owners[train])
    scaler = examples.fit_scaler(seen.features, chosen)
    targets = manifest.targets[rows.owners[train]]
    counts = np.bincount(targets, minlength=len(manifest.labels))
    weights = (len(targets) / (len(manifest.labels) * np.maximum(counts, 1))) ** config.class_balance
    weights = (weights / np.mean(weights[targets])).astype(np.float32)
    sides = (_side(manifest, rows, side) for side in (split.valid, split.test))
    return Share(train, scaler, weights, *sides)


def decoded(manifest: Manifest, sample_rate_hz: int, cache: Path, broken: str) -> tuple[Manifest, store.Store]:
    """The store of a manifest's clips, and the manifest without those that were skipped as broken.

    The manifest's clips then know their decoded samples' hashes, by which splits and guard keep equal ones together.
    """
    with tqdm(total=len(manifest), desc="decoding", unit="clip", disable=None) as bar:
        clips = store.open_store(manifest, sample_rate_hz, cache / "clips", broken, bar.update)
    return manifest.select(clips.kept).heard(clips.digest(i) for i in range(len(clips))), clips


def _side(manifest: Manifest, seen_rows: Examples, clips: np.ndarray) -> Side:
    """Clips to judge by, which may have several rows each."""
    rows = np.flatnonzero(np.isin(seen_rows.owners, clips))
    owners = np.searchsorted(clips, seen_rows.owners[rows])

    def per_clip(logits: np.ndarray) -> np.ndarray:
        return examples.mean_by_owner(logits, owners)

    return Side(rows, per_clip, manifest.targets[clips])


def _each_copy(manifest: Manifest, count: int) -> tuple[Clip, ...]:
    """Every copy of every clip as a clip of its own."""
    return tuple(
        dataclasses.replace(clip, path=f"{clip.path}#{copy}", sha256=f"{clip.sha256}#{copy}", sound="")
        for clip in manifest.clips
        for copy in range(count)
    )


def _copies_apart(rows: Examples) -> Examples:
    """Every copy as a row of its own."""
    count = rows.features.shape[1]
    owners = (rows.owners[:, None] * count + np.arange(count)).reshape(-1)
    features = rows.features.reshape(-1, 1, *rows.features.shape[2:])
    return Examples(features, rows.lengths.reshape(-1, 1), owners)
