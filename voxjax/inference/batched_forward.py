"""Members that are ready to answer: their logits of windows, batched into few shapes as each is compiled."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import encoders, models
from voxjax.artifacts import model_folder
from voxjax.audio import normalize
from voxjax.audio.features import Extract
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.encoders import extractor
from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities.batch import Sequences, gather_modalities

Array = jax.Array

_ROWS = (1, 16)  # rows of a compiled batch: one file answers at once, many in one go
_NOTHING = np.zeros((0, 1), np.float32)  # a modality that a clip lacks
_SHARES = (0.25, 0.5, 1.0)  # of the longest window: lengths that batches are padded to


class Member(NamedTuple):
    """A network with its arrays on the device."""

    network: models.Network
    fused: tuple[str, ...]  # modalities that it sees beside the audio
    variables: models.Variables
    scaler: normalize.Scaler
    other_scalers: Mapping[str, normalize.Scaler]


class View(NamedTuple):
    """Features, what makes them, and the members that see them."""

    model: str  # its folder, for messages
    classes: int
    features: FeatureConfig
    extract: Extract
    pretrained: Any  # of an encoder, what members have tuned further
    members: tuple[Member, ...]


class _Heard(NamedTuple):
    """A batch as members see it."""

    values: Array  # [B, T, C]
    positions: Array  # int32 [B], valid ones; 0 where there is no sound
    others: Mapping[str, Sequences]


class Window(NamedTuple):
    """What a network is shown of a clip at once."""

    samples: np.ndarray  # float32 [time]; none where there is no sound
    others: Mapping[str, np.ndarray]  # float32 [T, D] each


def ready(model: str, trained: model_folder.Trained, i: int) -> View:
    """View `i` of a model, with the members that have it."""
    view, classes = trained.views[i], len(trained.labels)
    members = tuple(_member(member, classes) for member in trained.members if member.view == i)
    pretrained = (
        encoders.blocks_to_finetune(view.features, view.encoder) if isinstance(view.features, EncoderFeatures) else {}
    )
    extract = extractor.extractor(view.features, view.encoder)
    return View(model, classes, view.features, extract, jax.device_put(pretrained), members)


def _member(member: model_folder.Member, classes: int) -> Member:
    """The member with its arrays on the device."""
    network = models.build(member.architecture, member.options, classes)
    variables = models.Variables(member.variables["params"], member.variables["stats"])
    arrays = jax.device_put((variables, member.scaler, dict(member.other_scalers)))
    return Member(network, models.fused_modalities(member.options), *arrays)


def logits(view: View, windows: Sequence[Window]) -> np.ndarray:
    """Logits of windows: `[windows, members, K]`. A member that perceives nothing of a window says nothing of use.

    Raises:
        VoxJaxError: at weights of another network.
    """
    sizes = np.array([_padded(view.features, len(window.samples)) for window in windows], np.int64)
    if len(windows) <= _ROWS[-1]:
        sizes[:] = sizes.max(initial=0)  # one batch, and so one compilation, for a few files
    out = np.zeros((len(windows), len(view.members), view.classes), np.float32)
    for size in np.unique(sizes):
        which = np.flatnonzero(sizes == size)
        rows = _ROWS[min(len(which), 2) - 1]
        for start in range(0, len(which), rows):
            here = which[start : start + rows]
            out[here] = _batch(view, [windows[i] for i in here], rows, int(size))
    return out


def _batch(view: View, windows: Sequence[Window], rows: int, size: int) -> np.ndarray:
    """`[windows, members, K]`, computed at the shape `[rows, size]`."""
    samples, lengths = np.zeros((rows, size), np.float32), np.zeros(rows, np.int32)
    for i, window in enumerate(windows):
        lengths[i] = len(window.samples)
        samples[i, : lengths[i]] = window.samples
    values, positions = view.extract(samples, np.maximum(lengths, 1))
    heard = _Heard(values, jnp.where(lengths > 0, positions, 0), _beside(view, windows, rows))
    try:
        scores = [_score(view.features, *member, view.pretrained, heard) for member in view.members]
    except Exception as error:
        if not type(error).__module__.startswith("flax"):
            raise
        do = "copy the model folder again"
        what = mismatch(view.model, "weights that fit its model.json", " ".join(str(error).split()), do)
        raise VoxJaxError(what) from error
    return np.stack(jax.device_get(scores), axis=1)[: len(windows)]


def _beside(view: View, windows: Sequence[Window], rows: int) -> dict[str, Sequences]:
    """What members of the view see beside the audio, in few shapes: `[rows, T, D]` each."""
    sizes = {name: scaler.mean.shape[-1] for member in view.members for name, scaler in member.other_scalers.items()}
    found = {}
    for name in sizes:
        pieces = [window.others[name] if name in window.others else _NOTHING for window in windows]
        longest = max(len(piece) for piece in pieces)
        values = np.zeros((rows, 1 << max(0, longest - 1).bit_length(), sizes[name]), np.float32)
        lengths = np.zeros(rows, np.int32)
        for i, piece in enumerate(pieces):
            lengths[i] = len(piece)
            values[i, : lengths[i]] = piece
        found[name] = Sequences(values, lengths)
    return found


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _score(
    config: FeatureConfig,
    network: models.Network,
    fused: tuple[str, ...],
    variables: models.Variables,
    scaler: normalize.Scaler,
    other_scalers: Mapping[str, normalize.Scaler],
    pretrained: Any,
    heard: _Heard,
) -> Array:
    """Logits of a batch: `[B, K]`."""
    mask: Any = jnp.arange(heard.values.shape[1])[None, :] < heard.positions[:, None]
    inputs: Any = normalize.apply(config, scaler, heard.values.astype(jnp.float32), mask)
    if fused:
        inputs, mask = gather_modalities(fused, heard.others, other_scalers, jnp.arange(len(mask)), (inputs, mask))
    return network.apply(variables, inputs, mask, pretrained)


def _padded(config: FeatureConfig, samples: int) -> int:
    """The shortest of the compiled lengths that holds so many samples."""
    return next(size for share in _SHARES if (size := math.ceil(share * config.max_samples)) >= samples)
