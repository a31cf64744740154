"""How the members of a run see its clips: with which features and which offline copies."""

from typing import NamedTuple

from voxjax.config import Config, FeatureConfig, MemberConfig, OfflineAugmentConfig, merged_features
from voxjax.config_schema import freeze, thaw
from voxjax.errors import UsageError, mismatch


class View(NamedTuple):
    """What a clip becomes. Members with equal views share its arrays."""

    features: FeatureConfig
    offline_augment: OfflineAugmentConfig


def kinds(config: Config) -> tuple[MemberConfig, ...]:
    """What the members are taken from in turn."""
    return config.members or (MemberConfig(config.architecture, config.model),)


def of_kind(config: Config, i: int) -> View:
    """The view of the members of kind `i`: the run's, but for its own values.

    Raises:
        UsageError: at an unknown key, or a value of the wrong type or out of range.
    """
    kind, at = kinds(config)[i], f"config.members[{i}]"
    features = freeze(FeatureConfig, merged_features(thaw(config.features), kind.features), f"{at}.features")
    copies = freeze(
        OfflineAugmentConfig, {**thaw(config.offline_augment), **kind.offline_augment}, f"{at}.offline_augment"
    )
    return View(features, copies)


def distinct(config: Config) -> tuple[View, ...]:
    """The views of a run, each once, in the order of the members that have them.

    Raises:
        UsageError: where members hear the clips at other rates, or the protocol `guide` would give them other clips.
    """
    count = len(kinds(config))
    found = tuple(dict.fromkeys(of_kind(config, i % count) for i in range(config.n_members)))
    rates = sorted({config.features.sample_rate_hz, *(view.features.sample_rate_hz for view in found)})
    if len(rates) > 1:
        do = "set features.sample_rate_hz alike"
        raise UsageError(mismatch("config.members", "one sample rate", " and ".join(map(str, rates)) + " Hz", do))
    if config.protocol == "guide" and len({view.offline_augment for view in found}) > 1:
        do = "its copies are clips of their own: give them to the whole run, as config.offline_augment"
        raise UsageError(mismatch("protocol guide", "the same copies for all members", "several kinds", do))
    return found
