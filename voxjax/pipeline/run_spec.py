"""A config resolved once into the members of a run."""

from typing import NamedTuple

from voxjax import losses, models
from voxjax.config import Config, FeatureConfig, Hyper, one_of
from voxjax.config_schema import freeze, thaw
from voxjax.metrics import soft_voting
from voxjax.pipeline import feature_sets, modality_inputs


class Spec(NamedTuple):
    """One member of the ensemble, before it meets a fold."""

    name: str
    architecture: str
    options: dict  # complete and checked
    hyper: Hyper
    features: FeatureConfig
    view: int  # of `views.distinct`: how it sees the clips


def specs(config: Config) -> list[Spec]:
    """The members of a run: `n_members`, taken in turn from `members`.

    Raises:
        UsageError: at an unknown architecture, option, modality, loss or number.
    """
    one_of("config.loss", config.loss, losses.LOSSES)
    one_of("config.vote", config.vote, soft_voting.WEIGHTINGS)
    modality_inputs.fused(config)
    kinds, distinct = feature_sets.kinds(config), feature_sets.distinct(config)
    found: list[Spec] = []
    for i in range(config.n_members):
        at = i % len(kinds)
        kind, view = kinds[at], feature_sets.of_kind(config, at)
        options = models.options(kind.architecture, kind.model)
        hyper = freeze(Hyper, {**thaw(config.hyper), **kind.hyper}, f"config.members[{at}].hyper")
        nth = 1 + sum(spec.architecture == kind.architecture for spec in found)
        name = f"{kind.architecture} {nth}"
        found.append(Spec(name, kind.architecture, options, hyper, view.features, distinct.index(view)))
    return found
