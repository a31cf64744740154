"""Feature sets: features and offline augmentation that some members of a run share."""

from typing import NamedTuple

from voxjax.config import Config, FeatureConfig, MemberConfig, OfflineAugmentConfig, merged_features
from voxjax.config_schema import freeze, thaw
from voxjax.errors import UsageError, mismatch


class FeatureSet(NamedTuple):
    """Features and offline augmentation. Members with equal feature sets share the arrays."""

    features: FeatureConfig
    offline_augment: OfflineAugmentConfig


def member_configs(config: Config) -> tuple[MemberConfig, ...]:
    """The member configs that a run's members are taken from in turn."""
    return config.members or (MemberConfig(config.architecture, config.model),)


def feature_set_of(config: Config, i: int) -> FeatureSet:
    """The feature set of member config `i`: the run's, with its own values.

    Raises:
        UsageError: at an unknown key, or a value of the wrong type or out of range.
    """
    own, prefix = member_configs(config)[i], f"config.members[{i}]"
    features = freeze(FeatureConfig, merged_features(thaw(config.features), own.features), f"{prefix}.features")
    augment = {**thaw(config.offline_augment), **own.offline_augment}
    return FeatureSet(features, freeze(OfflineAugmentConfig, augment, f"{prefix}.offline_augment"))


def distinct(config: Config) -> tuple[FeatureSet, ...]:
    """The distinct feature sets of a run, in the order of their first members.

    Raises:
        UsageError: at different sample rates, or different offline augmentation under the protocol `guide`.
    """
    count = len(member_configs(config))
    found = tuple(dict.fromkeys(feature_set_of(config, i % count) for i in range(config.n_members)))
    rates = sorted({config.features.sample_rate_hz, *(one.features.sample_rate_hz for one in found)})
    if len(rates) > 1:
        do = "set features.sample_rate_hz alike"
        raise UsageError(mismatch("config.members", "one sample rate", " and ".join(map(str, rates)) + " Hz", do))
    if config.protocol == "guide" and len({one.offline_augment for one in found}) > 1:
        do = "its augmented copies are clips of their own: set config.offline_augment for the whole run"
        raise UsageError(mismatch("protocol guide", "one offline augmentation for all members", "several", do))
    return found
