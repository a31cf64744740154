"""A small network whose logits can be worked out by hand, and ten clips whose features are their numbers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models
from voxjax.audio import normalize
from voxjax.config import FrameFeatures, Hyper
from voxjax.modalities.batch import Sequences
from voxjax.train import step

KEY = jax.random.key(3)
TOTAL = 20.0  # steps
STILL = Hyper(
    time_stretch=0.0, vtlp=0.0, gain_db=0.0, noise_probability=0.0, time_shift_frames=0.0, time_mask_fraction=0.0,
    frequency_mask_fraction=0.0, offline_augment_probability=0.0, mixup_probability=0.0, dropout=0.0, head_dropout=0.0,
)  # fmt: skip


class Probe(nn.Module):
    """A linear layer on means over time, whose logits show the dropout rates, the key and the pretrained part."""

    classes: int

    @nn.compact
    def __call__(self, inputs, mask, rates=None, pretrained=None):
        if isinstance(inputs, dict):
            parts = [self.mean(inputs[name], mask[name]) for name in sorted(inputs)]
        else:
            parts = [self.mean(inputs, mask)]
        logits = nn.Dense(self.classes)(jnp.concatenate(parts, axis=-1))
        valid = self.variable("batch_stats", "valid", lambda: jnp.zeros(()))
        if self.has_variable("pretrained", "shift"):
            logits = logits + self.get_variable("pretrained", "shift").astype(logits.dtype)[None, :]
        if rates is not None:
            valid.value = valid.value + sum(jnp.sum(one, dtype=jnp.float32) for one in jax.tree.leaves(mask))
            noise = jax.random.uniform(self.make_rng("dropout"), logits.shape).astype(logits.dtype)
            block, head = (rate.astype(logits.dtype) for rate in rates)
            logits = (1 - block) * logits + head * noise
        return logits

    def mean(self, values, mask):
        weight = mask[..., None].astype(values.dtype)
        return jnp.sum(values * weight, axis=1) / jnp.maximum(jnp.sum(weight, axis=1), 1)


def task(**more):
    return step.Task(models.Network(Probe(3)), FrameFeatures(mels=4), 3, **more)


def data(copies=3, **more):
    """Ten clips; copy `c` of clip `i` is `10 i + c` in all its frames, on a scaler of mean 20 and deviation 10."""
    values = np.zeros((10, copies, 6, 4), np.float32)
    values += np.arange(10, dtype=np.float32)[:, None, None, None] * 10 + np.arange(copies)[:, None, None]
    lengths = np.array([[3 + (i + c) % 4 for c in range(copies)] for i in range(10)], np.int32)
    clips = step.Clips(jnp.asarray(values), jnp.asarray(lengths), jnp.arange(10, dtype=jnp.int32) % 3)
    scaler = normalize.Scaler(jnp.full((1, 4), 20.0), jnp.full((1, 4), 10.0))
    return step.Data(clips, scaler, jnp.array([2.0, 0.5, 1.0]), jnp.float32(TOTAL))._replace(**more)


INDICES = jnp.array([0, 4, 8, 5], jnp.int32)
BATCH = jax.jit(step.batch, static_argnums=0)


def with_text(pretrained):
    """Data with a second modality and, if asked for, a pretrained part."""
    text = Sequences(jnp.arange(60.0).reshape(10, 2, 3), jnp.array([2, 1] * 5, jnp.int32))
    scaler = normalize.Scaler(jnp.full((1, 3), 10.0), jnp.full((1, 3), 4.0))
    own = data()
    clips = own.clips._replace(modality_inputs={"text": text}, pretrained=pretrained)
    return own._replace(clips=clips, modality_scalers={"text": scaler})
