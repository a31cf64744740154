"""From a config to arrays: corpus, split, guard, store, features and the scaler."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from voxjax import modalities
from voxjax.config import Config, EncoderFeatures, FeatureConfig
from voxjax.data import corpora, labelling, store
from voxjax.data.examples import Examples
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import UsageError, mismatch
from voxjax.pipeline import encoder_features, encoder_weights, feature_sets, modality_inputs


class Seen(NamedTuple):
    """All clips in one view."""

    features: FeatureConfig
    rows: Examples
    encoder: encoder_weights.Encoder | None  # that made the rows, if one did


class Assembled(NamedTuple):
    """A corpus as arrays. Which of its clips train is not yet said."""

    manifest: Manifest
    sounds: store.Store
    seen: tuple[Seen, ...]  # in the order of `views.distinct`
    others: Mapping[str, modalities.ModalityColumn]  # modalities beside the audio that members fuse, a row a clip


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
    beside = modality_inputs.read(config, modality_inputs.Sounds(manifest, sounds, config.features.sample_rate_hz))
    chosen_views = feature_sets.distinct(config)
    encoder_weights.refuse_one_file(
        {view.features.encoder for view in chosen_views if isinstance(view.features, EncoderFeatures)}
    )
    seen = []
    for view in chosen_views:
        encoder = encoder_weights.load(view.features, cache)
        with tqdm(total=len(manifest), desc="features", unit="clip", disable=None) as bar:
            rows = encoder_features.rows(view, encoder, manifest, sounds.clip, cache, bar.update)
        seen.append(Seen(view.features, rows, encoder))
    if config.protocol == "guide":
        copies = chosen_views[0].offline_augment.augmentation_factor + 1
        seen = [one._replace(rows=_copies_apart(one.rows)) for one in seen]
        beside = modality_inputs.rows(beside, np.repeat(np.arange(len(manifest)), copies))
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


def decoded(manifest: Manifest, sample_rate_hz: int, cache: Path, broken: str) -> tuple[Manifest, store.Store]:
    """The store of a manifest's clips, and the manifest without those that were skipped as broken.

    The manifest's clips then know their decoded samples' hashes, by which splits and guard keep equal ones together.
    """
    with tqdm(total=len(manifest), desc="decoding", unit="clip", disable=None) as bar:
        clips = store.open_store(manifest, sample_rate_hz, cache / "clips", broken, bar.update)
    return manifest.select(clips.kept).with_audio_hashes(clips.digest(i) for i in range(len(clips))), clips


def _each_copy(manifest: Manifest, count: int) -> tuple[Clip, ...]:
    """Every copy of every clip as a clip of its own."""
    return tuple(
        dataclasses.replace(clip, path=f"{clip.path}#{copy}", sha256=f"{clip.sha256}#{copy}", audio_hash="")
        for clip in manifest.clips
        for copy in range(count)
    )


def _copies_apart(rows: Examples) -> Examples:
    """Every copy as a row of its own."""
    count = rows.features.shape[1]
    clip_index = (rows.clip_index[:, None] * count + np.arange(count)).reshape(-1)
    features = rows.features.reshape(-1, 1, *rows.features.shape[2:])
    return Examples(features, rows.lengths.reshape(-1, 1), clip_index)
