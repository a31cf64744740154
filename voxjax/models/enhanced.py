"""Enhanced: the guide's plain deep CNN, four convolution blocks and three dense layers."""

import dataclasses

from voxjax.models import cnn


@dataclasses.dataclass(frozen=True)
class Options(cnn.Options):
    """Shape of the network, as in the guide."""

    filters: tuple[int, ...] = (128, 256, 512, 256)
    kernel: int = 3
    pooling: str = "mean_max"
    dense: tuple[int, ...] = (512, 256, 128)


class Enhanced(cnn.CNN):
    """Convolution blocks, global pooling, dense layers: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
