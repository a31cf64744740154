"""An architecture in one file: the mean over time, and dense layers.

voxjax train --config=docs/examples/mean_pool.py --workdir=runs/mean_pool
"""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from voxjax.config import Config, FrameFeatures, Hyper, TrainConfig, config_dict
from voxjax.models import ARCHITECTURES, Architecture, layers, options


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network; `--config.model.dense=64,32` changes it."""

    dense: tuple[int, ...] = (64,)


class MeanPool(nn.Module):
    """The mean of the valid frames, then dense layers: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        pooled = layers.masked_mean(x, mask)  # [B, C]: padding never counts
        return layers.head(pooled, self.options.dense, self.classes, rates)


ARCHITECTURES["mean_pool"] = Architecture(Options, MeanPool)


def get_config():
    return config_dict(
        Config(
            name="mean_pool",
            architecture="mean_pool",
            model=options("mean_pool", {}),
            features=FrameFeatures(channels=("logmel", "energy", "pitch")),
            hyper=Hyper(learning_rate=1e-2, head_dropout=0.1),
            train=TrainConfig(epochs=40, patience_epochs=40),
        )
    )
