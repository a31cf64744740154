"""Changed model folders, each with hashes that match: refused in one line, or loaded as they are and answering."""

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.benchmarks.soak import model_changes, model_files, small_models, watched
from voxjax.benchmarks.soak.model_files import ModelFiles
from voxjax.config_schema import Plain, freeze, thaw
from voxjax.feature_config import FeatureConfig

_SOUND_S = 0.3
_TOLERANCE = 1e-9  # of a sum of probabilities
# Not part of a loaded model: what wrote the folder, how, and the hashes that were checked.
_ABOUT_FILES = ("format", "voxjax", "jax", "arrays", "sha256", "identity_sha256", "density_sha256", "digest")


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` changed folders, each loaded in a process that is watched, and asked once if it is accepted.

    An answer is wrong where its labels are not those of the folder or its probabilities do not sum to 1, and where the
    model is not what the folder holds: saved again it must give the same description and the same arrays, to the bit,
    so that a part that is ignored, broadcast, converted or filled in with a default counts. A weight, label or option
    that is another one, and is used as it stands, is another model and no wrong answer; so is an option that a
    description of an older format leaves out, which has its default there.

    Args:
        folder: for the models, and for folders with a fault.
        count: of changed folders.
        seed: of the changes.
    """
    whole, scratch = folder / "whole", folder / "scratch"
    watched.in_child(functools.partial(small_models.write, whole))
    bases = [model_files.read(path) for path in sorted(whole.iterdir())]
    bases += [one.as_archives() for one in bases]

    def work(item: int) -> None:
        _try(_made(bases, seed, item, scratch), scratch)

    def keep(outcome: watched.Outcome) -> None:
        _made(bases, seed, outcome.item, folder / f"{outcome.end}-{outcome.item}")
        print(f"{outcome} {outcome.item % len(bases)}", flush=True)

    def prepare() -> None:
        _quick_compiler()
        for base in bases:
            _written(base.copied(), scratch)
            _try(base, scratch)

    return {"kinds": len(bases), **watched.measured(work, count, keep, prepare)}


def _made(bases: list[ModelFiles], seed: int, item: int, folder: Path) -> ModelFiles:
    """The changed model of this number, written to a folder."""
    new = model_changes.changed(np.random.default_rng([seed, item]), bases[item % len(bases)])
    _written(new, folder)
    return new


def _written(files: ModelFiles, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files.write(folder)


def _quick_compiler() -> None:
    import jax

    jax.config.update("jax_disable_most_optimizations", True)


def _try(files: ModelFiles, folder: Path) -> None:
    """Loads a folder, compares the model with it, and asks it once.

    Raises:
        VoxJaxError: where it is refused.
        WrongResultError: at another model than the folder's, or an answer that is none.
    """
    from voxjax.artifacts import model_folder
    from voxjax.deploy.page import model_facts
    from voxjax.inference import reject_option
    from voxjax.inference.predictor import EmotionPredictor

    model = model_folder.load(folder)
    again = folder.with_name("again")
    shutil.rmtree(again, ignore_errors=True)
    model_folder.save(again, model)
    _compare(folder, again, files)
    predictor = EmotionPredictor(folder)
    rate_hz = predictor.sample_rate_hz
    sound = 0.1 * np.sin(np.arange(round(_SOUND_S * rate_hz)) * 0.3).astype(np.float32)
    inputs = {name: np.zeros((1, size), np.float32) for name, size in predictor.modalities.items()}
    answer = predictor.predict((sound, rate_hz), inputs)
    values = np.array(list(answer["probabilities"].values()))
    if not np.isfinite(values).all() or not _finite(answer):
        raise watched.WrongResultError("not_finite", str(answer))
    if abs(values.sum() - 1.0) > _TOLERANCE or answer["emotion"] not in model.labels:
        raise watched.WrongResultError("wrong", str(answer))
    model_facts.of("changed", predictor.labels, predictor.meta, "")
    json.dumps(dict(predictor.meta), allow_nan=False)
    reject_option.threshold(str(folder), {"reject": {"0.9": 0.5}, **predictor.meta}, 0.9)


def _finite(answer: Plain) -> bool:
    numbers = (answer["confidence"], answer["distance"], answer["entropy"], answer["disagreement"])
    return all(one is None or np.isfinite(one) for one in numbers)


def _compare(folder: Path, again: Path, files: ModelFiles) -> None:
    """Compares a folder with what was saved of the model that was loaded from it."""
    ours, theirs = (_described(json.loads((one / model_files.DESCRIPTION).read_bytes())) for one in (folder, again))
    if ours != theirs:
        keys = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
        raise watched.WrongResultError("wrong", f"other {', '.join(keys)}")
    described = json.loads((folder / model_files.DESCRIPTION).read_bytes())
    for path in sorted(again.iterdir()):
        if path.name == model_files.DESCRIPTION:
            continue
        old = path if path.name == "identity.npz" or described["format"] >= 7 else path.with_suffix(".npz")
        given = model_files.unpacked(old.name, (folder / old.name).read_bytes())
        saved = model_files.unpacked(path.name, path.read_bytes())
        for name in given.keys() | saved.keys():
            if name not in given or name not in saved or not _same(given[name], saved[name]):
                raise watched.WrongResultError("wrong", f"other {path.name} {name}")


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _described(description: Plain) -> dict[str, Any]:
    """What a description says of a model, numbers by their value, with the defaults of older formats."""
    from voxjax import models

    new = {key: value for key, value in description.items() if key not in _ABOUT_FILES}
    if description["format"] < 7:
        sets = [{"features": thaw(freeze(FeatureConfig, row["features"]))} for row in new["feature_sets"]]
        members = [{**one, "options": models.options(one["architecture"], one["options"])} for one in new["members"]]
        new |= {"feature_sets": sets, "members": members, "options": members[0]["options"] if new["options"] else {}}
    rows = [{key: one for key, one in row.items() if key != "encoder_sha256"} for row in new["feature_sets"]]
    plain: dict[str, Any] = json.loads(json.dumps(new | {"feature_sets": rows}))
    return plain
