"""Predictions and embeddings of many sounds as arrays, in one NumPy file."""

import io
from collections.abc import Callable

import numpy as np

from voxjax.inference import prediction_lines
from voxjax.inference.formats import Answer
from voxjax.inference.predictor import EmotionPredictor
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath

_NUMBERS = ("duration_s", "distance", "entropy", "disagreement")


def write(
    path: AnyPath, predictor: EmotionPredictor, wanted: prediction_lines.Plan, progress: Callable[[int], object]
) -> int:
    """Writes the arrays, all at the end, and returns the number of failures.

    They are read with `np.load(FILE)`, without pickle: `paths`, `errors` ("" for none), `probabilities` float32
    `[N, K]`, `labels` `[K]`, `embeddings` float32 `[N, D]`, `duration_s`, `distance`, `entropy` and `disagreement`
    float32 `[N]`, `model`, and each column of a list as `column_NAME`. What is not known is NaN, all numbers of a
    sound that can't be read too.

    Args:
        path: replaced if it exists.
        predictor: the model.
        wanted: what is predicted.
        progress: called with the number of answers since the last call.

    Raises:
        VoxJaxError, OSError: as `prediction_lines` and `atomic.write`.
    """
    answers: list[Answer] = []
    failures: list[str] = []
    for chunk in prediction_lines.answers(predictor, wanted, embeddings=True):
        failures += prediction_lines.failed(chunk)
        answers += prediction_lines.kept(wanted, chunk)
        progress(len(chunk))
    count = prediction_lines.count_failures(wanted, failures, len(failures))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **_arrays(predictor, wanted, answers))
    atomic.write(path, buffer.getvalue())
    return count


def _arrays(predictor: EmotionPredictor, wanted: prediction_lines.Plan, answers: list[Answer]) -> dict[str, np.ndarray]:
    size = next((len(one["embedding"]) for one in answers if "error" not in one), 0)
    unknown: Answer = {
        "probabilities": dict.fromkeys(predictor.labels, np.nan),
        "embedding": np.full(size, np.nan, np.float32),
        "columns": {},
        **dict.fromkeys(_NUMBERS, np.nan),
    }
    rows = [unknown | {key: value for key, value in one.items() if value is not None} for one in answers]
    return {
        "paths": _texts([one["path"] for one in rows]),
        "errors": _texts([one["error"] if "error" in one else "" for one in rows]),
        "labels": _texts(list(predictor.labels)),
        "probabilities": _floats([list(one["probabilities"].values()) for one in rows], len(predictor.labels)),
        "embeddings": _floats([one["embedding"] for one in rows], size),
        **{name: np.array([one[name] for one in rows], np.float32) for name in _NUMBERS},
        "model": np.array(predictor.model),
        **{
            f"column_{name}": _texts([one["columns"][name] if name in one["columns"] else "" for one in rows])
            for name in wanted.layout.columns
        },
    }


def _texts(values: list[str]) -> np.ndarray:
    return np.array(values, np.str_)


def _floats(values: list, size: int) -> np.ndarray:
    return np.array(values, np.float32).reshape(len(values), size)
