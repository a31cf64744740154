"""An encoder in one file: the energy in 16 bands of the spectrum, 50 times a second, and its change.

python docs/examples/band_energies.py WEIGHTS
voxjax train --config=docs/examples/band_energies.py --encoder_weights=WEIGHTS --workdir=runs/bands
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.config import Config, EncoderFeatures, OfflineAugmentConfig, TrainConfig, config_dict
from voxjax.encoders import ENCODERS, Encoder
from voxjax.encoders.tensors import Params, Tensors
from voxjax.models import options

HOP, BANDS = 320, 16  # samples: 20 ms at 16 kHz


def params(tensors: Tensors, blocks: Sequence[int]) -> Params:
    """The weights that blocks need, checked by name and shape."""
    del blocks
    return {"bands": tensors.take("bands", (HOP // 2 + 1, BANDS))}


def apply(
    blocks: Sequence[int], params: Params, samples: Float[Array, "B time"], lengths: Int[Array, " B"]
) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
    """Block 1 is the log energy of each band, block 2 its change: `[B, time] -> [B, T, N, 16]`, and what is valid."""
    frames = samples.shape[1] // HOP
    spectrum = jnp.abs(jnp.fft.rfft(samples[:, : HOP * frames].reshape(-1, frames, HOP))) ** 2
    energy = jnp.log(spectrum @ params["bands"] + 1e-6)  # [B, T, D]
    mask = jnp.arange(frames)[None] < (lengths // HOP)[:, None]
    change = jnp.diff(energy, axis=1, prepend=energy[:, :1])
    outputs = jnp.stack([(energy, change)[block - 1] for block in blocks], axis=2)
    return jnp.where(mask[:, :, None, None], outputs, 0.0), mask


ENCODERS["band_energies"] = Encoder(params, apply, hop_ms=20.0, rate_hz=16_000, file="band_energies", note="Made here.")


def get_config():
    return config_dict(
        Config(
            name="band_energies",
            architecture="encoder_head",
            model=options("encoder_head", {"blocks": 2}),
            features=EncoderFeatures(encoder="band_energies", blocks=(1, 2), hop_ms=20.0),
            offline_augment=OfflineAugmentConfig(augmentation_factor=0),
            train=TrainConfig(epochs=10, patience_epochs=10),
        )
    )


if __name__ == "__main__" and len(sys.argv) == 2:  # writes the weights, one band for each 10 bins of the spectrum
    bins = np.arange(HOP // 2 + 1)
    np.savez(Path(sys.argv[1]) / "band_energies.npz", bands=(bins[:, None] * BANDS // len(bins) == np.arange(BANDS)))
