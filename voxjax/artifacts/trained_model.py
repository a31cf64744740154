"""A trained model in memory: its members, its feature sets, and what it was trained on."""

import dataclasses
from collections.abc import Mapping

from voxjax.artifacts.training_identity import TrainingIdentity
from voxjax.audio.normalize import Scaler
from voxjax.config import FeatureConfig
from voxjax.config_schema import Plain
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError, mismatch
from voxjax.metrics.domain_distance import Density


@dataclasses.dataclass(frozen=True)
class TrainedFeatures:
    """One feature set of the model.

    `encoder` holds the weights of the pretrained encoder that computes it, without blocks that are not needed; they
    are kept in half precision.
    """

    features: FeatureConfig
    encoder: Params | None = None


@dataclasses.dataclass(frozen=True)
class TrainedMember:
    """One trained network.

    `variables` is `{"params": …, "stats": …}`, nested dictionaries of arrays; `weight` is the member's relative
    weight in the vote; `feature_set` is an index into the model's feature sets; `modality_scalers` are of the
    modalities other than the audio that it fuses, and `columns` the names of their channels, where they have names.
    """

    architecture: str
    options: Plain
    weight: float
    variables: Mapping[str, Params]
    scaler: Scaler
    feature_set: int = 0
    modality_scalers: Mapping[str, Scaler] = dataclasses.field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def modalities(self) -> dict[str, int]:
        """The size of each modality: numbers per position."""
        return {name: scaler.mean.shape[-1] for name, scaler in self.modality_scalers.items()}


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A trained model; an ensemble has several members.

    `meta` is free JSON: name, corpus, protocol, figures, licence note. `identity` says which recordings and people
    the model has learnt from; None in a model of before format 6, which knows its training clips by bytes and name.
    `density` is of the training clips in the first feature set; None where there were too few, and before format 6.

    Raises:
        VoxJaxError: if members were trained on different columns of a modality.
    """

    architecture: str
    options: Plain
    labels: tuple[str, ...]
    feature_sets: tuple[TrainedFeatures, ...]
    temperature: float
    members: list[TrainedMember]
    meta: Plain
    identity: TrainingIdentity | None = None
    density: Density | None = None

    def __post_init__(self) -> None:
        known: dict[str, str] = {}
        for member in self.members:
            for name, size in member.modalities.items():
                own = f"{size} numbers {', '.join(member.columns[name] if name in member.columns else ())}".strip()
                if known.setdefault(name, own) != own:
                    do = "train the members on the same columns"
                    raise VoxJaxError(mismatch(f"modality {name}, of all members", known[name], own, do))
