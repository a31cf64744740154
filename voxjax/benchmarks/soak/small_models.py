"""Small models of all kinds with random weights, in seconds: folders that campaigns change."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models
from voxjax.artifacts import abstract_shapes, model_folder, model_values, training_identity
from voxjax.artifacts.model_folder import TrainedFeatures, TrainedMember, TrainedModel
from voxjax.audio.fingerprint import Print
from voxjax.audio.normalize import Scaler
from voxjax.config import EncoderFeatures, EncodersFeatures, FeatureConfig, FrameFeatures, VectorFeatures
from voxjax.config_schema import Plain
from voxjax.encoders import wav2vec2, wav2vec2_config, whisper
from voxjax.encoders.extractor import joined_params
from voxjax.encoders.tensors import Params
from voxjax.metrics.domain_distance import Density

LABELS = ("angry", "calm", "sad")
_FRAMES = FrameFeatures(sample_rate_hz=4_000, mel_high_hz=2_000.0, max_duration_s=0.5, mels=8, channels=("logmel",))
_COARSE = FrameFeatures(sample_rate_hz=4_000, mel_high_hz=2_000.0, max_duration_s=0.5, mels=4, hop_ms=32.0)
_VECTOR = VectorFeatures(sample_rate_hz=16_000, max_duration_s=0.5)
_WHISPER = EncoderFeatures(encoder="whisper_tiny", blocks=(1,), hop_ms=20.0, max_duration_s=0.5)
_TUNED = EncoderFeatures(
    encoder="whisper_tiny", blocks=(1,), tuned_blocks=1, hop_ms=20.0, max_duration_s=0.5, centre="none"
)
_WAV2VEC2 = EncoderFeatures(encoder="wav2vec2", blocks=(1,), hop_ms=20.0, max_duration_s=0.5)
_PAIR = EncodersFeatures(
    encoders=("whisper_tiny", "wav2vec2"), blocks=((1,), (1,)), pooling="statistics", hop_ms=20.0, max_duration_s=0.5
)
_LAYOUT = wav2vec2_config.Config(
    "wav2vec2", True, 16, 1, 2, 8, conv_dim=(4,) * 7, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2
)
_WIDTH = 64  # channels of the encoder: one head of attention
_CNN = {"filters": [4], "dense": [4], "pooling": "mean"}
_LSTM = {"project": 4, "lstm": [2], "dense": [4], "pooling": "mean"}
_OPTIMIZED = {"filters": [2], "kernels": [3, 5], "lstm": [2], "dense": [4], "pooling": "mean"}
_HEAD = {"project": 4, "dense": [4], "heads": 2}
_FUSION = {"modalities": ["face"], "audio": _OPTIMIZED, "embed": 4, "project": 4, "dense": [4]}


def write(folder: Path) -> None:
    """Writes a folder for each model in `MODELS`."""
    for name, make in MODELS.items():
        model_folder.save(folder / name, make())


def _model(
    features: Sequence[FeatureConfig],
    rows: Sequence[tuple[str, Plain, int]],
    modalities: Mapping[str, int] | None = None,
) -> TrainedModel:
    """A model with these feature sets, and members of these architectures, options and feature sets."""
    rng = np.random.default_rng(7)
    sets = [
        TrainedFeatures(one, joined_params(one, [_encoder(rng, own) for own in one.by_encoder])) for one in features
    ]
    shapes = [abstract_shapes.of_features(one.features, _arrays(one)) for one in sets]
    scalers = [_scaler(rng, one.features, shape) for one, shape in zip(sets, shapes, strict=True)]
    fused = {
        name: Scaler(rng.normal(size=(1, n)).astype("f4"), np.ones((1, n), "f4"))
        for name, n in (modalities or {}).items()
    }
    members = []
    for architecture, options, i in rows:
        network = models.build(architecture, options, len(LABELS))
        needed, optional = abstract_shapes.of_variables(network, shapes[i], modalities or {})
        tree = _random(rng, {**needed, **optional})
        variables = {"params": tree["params"], "stats": tree["stats"] if "stats" in tree else {}}
        columns = {name: tuple(f"AU{k:02d}_r" for k in range(n)) for name, n in (modalities or {}).items()}
        members.append(TrainedMember(architecture, options, 1.0, variables, scalers[i], i, fused, columns))
    alone = len(rows) == 1
    return TrainedModel(
        rows[0][0] if alone else "ensemble", rows[0][1] if alone else {}, LABELS, tuple(sets), 1.2, members, _meta(),
        _identity(rng), _density(rng, features[0], shapes[0]),
    )  # fmt: skip


def _random(rng: np.random.Generator, headers: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of these shapes, positive where they are variances, as nested dictionaries."""
    tree: dict[str, Any] = {}
    for name, header in headers.items():
        *parents, leaf = name.split("/")
        at = functools.reduce(lambda at, parent: at.setdefault(parent, {}), parents, tree)
        values = np.asarray(0.3 * rng.normal(size=header.shape), np.float32)
        at[leaf] = np.abs(values) + np.float32(0.1) if leaf in ("var", "scale") else values
    return tree


def _encoder(rng: np.random.Generator, config: EncoderFeatures) -> Params:
    key = jax.random.key(0)
    if config.encoder == "wav2vec2":
        network = wav2vec2.Wav2Vec2(_LAYOUT, config.blocks)
        shapes = jax.eval_shape(network.init, key, jnp.zeros((1, 1)), jnp.ones(1, jnp.int32))
        headers = abstract_shapes.flat(shapes["params"])
        return {"layout": wav2vec2_config.text(_LAYOUT), **_random(rng, headers)}
    blocks = (max(config.blocks) + config.tuned_blocks,)
    frames = 100 * round(config.max_duration_s + 0.5)
    mels = jax.ShapeDtypeStruct((1, frames, 80), np.float32), jax.ShapeDtypeStruct((1, frames), np.bool_)
    shapes = jax.eval_shape(whisper.Whisper(_WIDTH, blocks).init, key, *mels)
    return _random(rng, abstract_shapes.flat(shapes["params"]))


def _arrays(one: TrainedFeatures) -> abstract_shapes.EncoderArrays:
    return tuple(sorted(abstract_shapes.flat(one.encoder or {}).items()))


def _scaler(rng: np.random.Generator, config: FeatureConfig, shape: abstract_shapes.FeatureShape) -> Scaler:
    size = (shape.positions if isinstance(config, VectorFeatures) else 1, shape.channels)
    return Scaler(rng.normal(size=size).astype(np.float32), np.full(size, 9.0, np.float32))


def _density(rng: np.random.Generator, config: FeatureConfig, shape: abstract_shapes.FeatureShape) -> Density:
    found: dict[str, Any] = {
        name: np.ones(one.shape, np.float32) for name, one in model_values.density(config, shape, {}).items()
    }
    rows = np.linalg.qr(rng.normal(size=(len(found["mean"]), 2)))[0].T.astype(np.float32)
    return Density(**{**found, "components": rows, "variances": np.array([3.0, 2.0], np.float32)})


def _identity(rng: np.random.Generator) -> training_identity.TrainingIdentity:
    prints = tuple(Print(rng.integers(0, 2**32, 9, np.uint32), np.ones(9, bool), 3) for _ in range(4))
    return training_identity.TrainingIdentity(
        4_000, rng.integers(0, 256, (4, 32), np.uint8), prints, ("a person", "böse")
    )


def _meta() -> dict[str, Any]:
    return {
        "name": "small", "corpus": "demo", "protocol": "speaker5", "fold": 0, "seed": 0,
        "figures": {"accuracy": 0.5, "accuracy_ci": [0.4, 0.6], "uar": 0.5, "uar_ci": [0.4, 0.6], "n": 20},
        "reject": {"0.9": 0.7, "0.99": None}, "licence": "Synthetic speech.", "training_clips": ["00", "01"],
    }  # fmt: skip


_ENSEMBLE: list[tuple[str, Plain, int]] = [
    ("cnn", _CNN, 0),
    ("lstm", _LSTM, 0),
    ("optimized", _OPTIMIZED, 1),
    ("cnn", _CNN, 1),
]
MODELS: Mapping[str, Callable[[], TrainedModel]] = {
    "cnn": lambda: _model([_FRAMES], [("cnn", _CNN, 0)]),
    "vector": lambda: _model([_VECTOR], [("baseline", {"filters": [2], "dense": [4]}, 0)]),
    "lda": lambda: _model([_FRAMES], [("lda", {}, 0)]),
    "ensemble": lambda: _model([_FRAMES, _COARSE], _ENSEMBLE),
    "fusion": lambda: _model([_FRAMES], [("fusion", _FUSION, 0)], {"face": 3}),
    "whisper": lambda: _model([_WHISPER], [("encoder_statistics", {"dense": 4}, 0)]),
    "tuned": lambda: _model([_TUNED], [("encoder_tuned", {"rank": 1, "head": _HEAD}, 0)]),
    "wav2vec2": lambda: _model([_WAV2VEC2], [("encoder_head", _HEAD, 0)]),
    "pair": lambda: _model([_PAIR], [("lda", {}, 0)]),
}
