"""A config resolved into a run: complete, frozen, and an error of one line where it contradicts itself."""

import dataclasses

import pytest

from tests import runs
from voxjax import models
from voxjax.config import Config, DevicesConfig, Hyper, MemberConfig, TrainConfig
from voxjax.errors import UsageError
from voxjax.pipeline import feature_sets, run_spec


def test_a_run_spec_is_complete_and_frozen():
    members = (MemberConfig("cnn", {}, {"dropout": 0.4}), MemberConfig("lstm", {}, {}, {"mels": 20}))
    spec = runs.spec(Config(n_members=3, members=members))
    assert [member.feature_set for member in spec.members] == [0, 1, 0] and len(spec.feature_sets) == 2
    assert [member.features.mels for member in spec.members] == [64, 20, 64]
    assert all(member.options == models.options(member.architecture, {}) for member in spec.members)
    assert spec.corpora == "demo" and spec.modalities == () and spec.sample_rate_hz == 16_000
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.members = ()


def test_modalities_are_those_that_any_member_fuses():
    fusion = MemberConfig("fusion", {"modalities": ("physio", "text")})
    assert runs.spec(Config(n_members=2, members=(MemberConfig("cnn"), fusion))).modalities == ("text", "physio")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"protocol": "speaker7"}, "did you mean 'speaker"),
        ({"protocol": "corpus"}, "add --config.test_corpus=NAME"),
        ({"test_corpus": "emodb"}, "add --config.protocol=corpus"),
        ({"test_corpus": "demo", "protocol": "corpus"}, "another than demo"),
        (
            {"train": TrainConfig(batch_size=6), "devices": DevicesConfig(data=4)},
            "expected a multiple of config.devices.data, found 6 for 4 devices",
        ),
        ({"hyper": Hyper(dropout=1.5)}, r"config\.hyper\.dropout: expected a number from 0\.0 to 0\.99, found 1\.5"),
    ],
)
def test_contradicting_values_are_an_error_of_one_line(values, message):
    with pytest.raises(UsageError, match=message) as caught:
        runs.spec(Config(**values))
    assert "\n" not in str(caught.value)


def test_a_run_is_resolved_once(monkeypatch):
    """Feature sets are determined once, in `resolve`."""
    calls = []
    real = feature_sets.distinct
    monkeypatch.setattr(run_spec.feature_sets, "distinct", lambda config: calls.append(config) or real(config))
    runs.spec(Config(n_members=5, members=(MemberConfig("cnn"), MemberConfig("lstm"))))
    assert len(calls) == 1
