"""Configs: ranges of every number, kinds of features, and errors of wrong values."""

import dataclasses
import math

import pytest

from tests import runs
from voxjax.config import (
    FEATURE_KINDS,
    Config,
    EncoderFeatures,
    FeatureConfig,
    FrameFeatures,
    Hyper,
    MemberConfig,
    VectorFeatures,
    merged_features,
    without_other_kinds,
)
from voxjax.config_schema import freeze, thaw
from voxjax.errors import UsageError

SECTIONS = ("offline_augment", "hyper", "train", "guard", "devices")


def numbers():
    """Every number of a config, with its section."""
    for section in SECTIONS:
        for field in dataclasses.fields(getattr(Config(), section)):
            if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
                yield section, field
    for kind in FEATURE_KINDS.values():
        yield from (
            ("features", field) for field in dataclasses.fields(kind) if isinstance(field.default, (int, float))
        )


def test_every_number_has_a_range_that_includes_its_default():
    assert all("range" in field.metadata for _, field in numbers())
    freeze(Config, thaw(Config()))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("hyper", "dropout", 1.5),
        ("hyper", "dropout", math.nan),
        ("hyper", "learning_rate", -1e-3),
        ("hyper", "mixup_probability", 1.01),
        ("train", "epochs", 0),
        ("train", "valid_fraction", math.nan),
        ("guard", "max_recoveries", -1),
        ("offline_augment", "pitch_semitones", (-2.0, 99.0)),
        ("features", "trim_db", 0.0),
        ("devices", "data", 0),
    ],
)
def test_the_error_of_a_number_out_of_range_has_key_and_range(section, key, value):
    with pytest.raises(UsageError, match=rf"{section}\.{key}: expected a number from .*, found") as caught:
        freeze(Config, {section: {key: value}})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [("vector", "mels", 40), ("encoder", "channels", ("logmel",)), ("frames", "pooling", "statistics")],
)
def test_a_field_of_another_kind_of_features_is_an_error(kind, key, value):
    values = {"kind": kind, "encoder": "whisper_tiny_en", "blocks": (1,)} if kind == "encoder" else {"kind": kind}
    with pytest.raises(UsageError, match=rf"config\.features: expected one of .*found '{key}'"):
        freeze(Config, {"features": {**values, key: value}})


def test_plain_values_become_the_feature_config_of_their_kind():
    encoder = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1, 2), hop_ms=20.0)
    for features in (VectorFeatures(), FrameFeatures(mels=40), encoder):
        assert freeze(Config, thaw(Config(features=features))).features == features
    with pytest.raises(UsageError, match="did you mean 'frames'"):
        freeze(Config, {"features": {"kind": "frame"}})
    with pytest.raises(UsageError, match=r"features\.kind"):
        FeatureConfig()


def test_a_change_of_kind_keeps_common_fields():
    base = thaw(FrameFeatures(mels=40, centre="clip", trim_db=50.0))
    changed = merged_features(base, {"kind": "encoder", "encoder": "whisper_tiny_en", "blocks": (2,), "hop_ms": 20.0})
    features = freeze(FeatureConfig, changed)
    assert isinstance(features, EncoderFeatures)
    assert (features.centre, features.trim_db, features.hop_ms) == ("clip", 50.0, 20.0)
    assert merged_features(base, {"mels": 20}) == {**base, "mels": 20}


def test_fields_of_other_kinds_are_dropped_from_older_files_and_unknown_ones_are_kept():
    older = {"kind": "encoder", "encoder": "whisper_tiny_en", "blocks": [1], "mels": 64, "mfcc": 40, "mells": 3}
    assert without_other_kinds(older) == {"kind": "encoder", "encoder": "whisper_tiny_en", "blocks": [1], "mells": 3}


def test_a_hyperparameter_may_be_traced():
    import jax

    doubled = jax.jit(lambda hyper: jax.tree.map(lambda x: 2 * x, hyper))(Hyper(dropout=0.75))
    assert float(doubled.dropout) == 1.5


def test_a_members_own_numbers_are_checked_too():

    config = Config(n_members=1, members=(MemberConfig("cnn", {}, {"dropout": 2.0}),))
    with pytest.raises(UsageError, match=r"config\.members\[0\]\.hyper\.dropout"):
        runs.spec(config)
