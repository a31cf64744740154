"""A config resolved once into one frozen, checked description of a run."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from voxjax import losses, modalities, models
from voxjax.config import Config, FeatureConfig, Hyper
from voxjax.config_schema import Plain, freeze, one_of, thaw
from voxjax.data import splits
from voxjax.errors import UsageError, mismatch
from voxjax.metrics import soft_voting
from voxjax.pipeline import feature_sets
from voxjax.pipeline.feature_sets import FeatureSet


@dataclasses.dataclass(frozen=True)
class Paths:
    """The paths of a run: inputs and cache."""

    cache: Path  # decoded clips, encoder outputs, measurements, downloaded encoders
    data_dir: Path | None = None  # holds one folder per corpus
    encoder_weights: Path | None = None  # a file or folder that the user named
    weights_dir: Path | None = None  # the user's folder of encoders


class MemberSpec(NamedTuple):
    """One member of the ensemble, without a fold."""

    name: str
    architecture: str
    options: Plain  # of the architecture, complete and checked
    hyper: Hyper
    features: FeatureConfig
    feature_set: int  # index into `RunSpec.feature_sets`

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities other than the audio that the member fuses."""
        return models.fused_modalities(self.options)


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """A resolved run. Everything below the command line takes it or a part of it; nothing reads the config again."""

    config: Config
    paths: Paths
    members: tuple[MemberSpec, ...]
    feature_sets: tuple[FeatureSet, ...]
    modalities: tuple[str, ...]  # other than the audio, that any member fuses, in the order of `MODALITIES`
    corpora: str  # all corpora, joined by `+`; the test corpus is the last
    changed: tuple[str, ...] = ()  # keys of the config, as "train.epochs", that the command line changed

    @property
    def is_closed_form(self) -> bool:
        """Whether all members are fitted in closed form, so that nothing is trained in steps."""
        return all(models.is_closed_form(member.architecture) for member in self.members)

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of all feature sets."""
        return self.config.features.sample_rate_hz


def resolve(config: Config, paths: Paths, changed: tuple[str, ...] = ()) -> RunSpec:
    """The run that a config describes.

    Args:
        config: all values.
        paths: inputs and cache.
        changed: as in `RunSpec`.

    Raises:
        UsageError: at an unknown name or key, a value of the wrong type or out of range, or values that contradict
            each other.
    """
    config = freeze(Config, thaw(config))  # again, as a config created in Python was not checked
    one_of("config.loss", config.loss, losses.LOSSES)
    one_of("config.vote", config.vote, soft_voting.WEIGHTINGS)
    one_of("config.protocol", config.protocol, splits.PROTOCOLS)
    if config.train.batch_size % config.devices.data:
        found = f"{config.train.batch_size} for {config.devices.data} devices"
        do = "change config.train.batch_size or config.devices.data"
        raise UsageError(mismatch("config.train.batch_size", "a multiple of config.devices.data", found, do))
    sets = feature_sets.distinct(config)
    _check_weights_of_several(sets, paths)
    members = _members(config, sets)
    return RunSpec(config, paths, members, sets, _modalities(members), _corpora(config), changed)


def _members(config: Config, sets: tuple[FeatureSet, ...]) -> tuple[MemberSpec, ...]:
    """`n_members` members, taken from the member configs in turn."""
    configs = feature_sets.member_configs(config)
    members: list[MemberSpec] = []
    for i in range(config.n_members):
        at = i % len(configs)
        own, feature_set = configs[at], feature_sets.feature_set_of(config, at)
        options = models.options(own.architecture, own.model)
        hyper = freeze(Hyper, {**thaw(config.hyper), **own.hyper}, f"config.members[{at}].hyper")
        number = 1 + sum(member.architecture == own.architecture for member in members)
        name = f"{own.architecture} {number}"
        place = sets.index(feature_set)
        members.append(MemberSpec(name, own.architecture, options, hyper, feature_set.features, place))
    return tuple(members)


def _modalities(members: tuple[MemberSpec, ...]) -> tuple[str, ...]:
    """All modalities that members fuse.

    Raises:
        UsageError: at an unknown modality.
    """
    names = {name for member in members for name in member.modalities}
    for name in sorted(names):
        one_of("config.model.modalities", name, modalities.MODALITIES)
    return tuple(name for name in modalities.MODALITIES if name in names)


def _corpora(config: Config) -> str:
    """All corpora of a run; the test corpus is the last.

    Raises:
        UsageError: at a test corpus without its protocol, or the other way round.
    """
    across = config.protocol in splits.ACROSS
    if across and not config.test_corpus:
        do = "add --config.test_corpus=NAME"
        raise UsageError(mismatch(f"protocol {config.protocol}", "a corpus to test on", "no config.test_corpus", do))
    if config.test_corpus and not across:
        do = "add --config.protocol=corpus, or leave it out"
        raise UsageError(mismatch("config.test_corpus", "protocol corpus or adapted", config.protocol, do))
    if config.test_corpus in config.corpus.split("+"):
        do = "test on a corpus that is not trained on"
        raise UsageError(mismatch("config.test_corpus", f"another than {config.corpus}", config.test_corpus, do))
    return f"{config.corpus}+{config.test_corpus}" if across else config.corpus


def _check_weights_of_several(sets: tuple[FeatureSet, ...], paths: Paths) -> None:
    """Checks that one file of weights is not used for several encoders."""
    names = sorted({own.encoder for one in sets for own in one.features.by_encoder})
    named = paths.encoder_weights
    if named is not None and len(names) > 1 and named.is_file():
        do = "name the folder that holds them under their usual names"
        raise UsageError(mismatch("--encoder_weights", "a folder, for " + " and ".join(names), f"the file {named}", do))
